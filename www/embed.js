// The <cluster-scope> element: a simulated cluster in any page.
// <script type="module" src="…/embed.js"></script>
// <cluster-scope system="raft" scenario="leader-crash" seed="7"></cluster-scope>
const at = (name) => new URL(name, import.meta.url).href;
const NAMES = ['system', 'scenario', 'seed', 'link', 'theme', 'speed', 'autoplay', 'controls', 'start-at', 'loading'];
const PANIC = 'clusterscope-panic';
const known = new Set();
let tries = 0;
let engine;
let sheets;

/** One WebAssembly instance for all elements of a page; another one after a crash. */
function load() {
  engine ??= import(at('clusterscope-web.js') + (tries ? `?r=${tries}` : '')).then(async (glue) => {
    await glue.default({ module_or_path: at('clusterscope-web_bg.wasm') });
    return glue;
  });
  engine.catch(() => (engine = undefined));
  return engine;
}

/** The site's own style sheets, fetched once. */
function styles() {
  sheets ??= Promise.all(
    ['tokens.css', 'stage.css', 'app.css'].map(async (name) => {
      const answer = await fetch(at(name));
      if (!answer.ok) throw new Error(`${name} cannot be loaded`);
      return new CSSStyleSheet().replace(await answer.text());
    }),
  );
  sheets.catch(() => (sheets = undefined));
  return sheets;
}

const near = new IntersectionObserver((all) => all.forEach((it) => it.isIntersecting && it.target.start()), {
  rootMargin: '200px',
});
const seen = new IntersectionObserver((all) => all.forEach((it) => it.target.see(it.isIntersecting)));

class ClusterScope extends HTMLElement {
  static observedAttributes = NAMES;
  #handle;
  #starting;
  #visible = false;
  #place = document.createElement('div');

  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).append(this.#place);
    this.#place.className = 'cs-embed-root';
    this.addEventListener('command', (event) => {
      if (event.command?.startsWith('--')) this.command(`${event.command.slice(2)} ${event.source?.value ?? ''}`.trim());
    });
  }

  connectedCallback() {
    known.add(this);
    if (this.#handle) return;
    this.#theme();
    this.#say(`${this.scenario ?? this.link ?? 'Clusterscope'} …`);
    styles().then((all) => (this.shadowRoot.adoptedStyleSheets = all), (error) => this.#fail(error));
    if (this.loading === 'eager') this.start();
    else near.observe(this);
    seen.observe(this);
  }

  disconnectedCallback() {
    // Moving an element takes it out and puts it back at once.
    queueMicrotask(() => {
      if (this.isConnected) return;
      known.delete(this);
      near.unobserve(this);
      seen.unobserve(this);
      this.#end();
    });
  }

  attributeChangedCallback(name, old, value) {
    if (old === value || !this.isConnected) return;
    if (name === 'theme') return this.#theme();
    if (name === 'autoplay' || name === 'loading') return;
    if (!this.#handle) return void (this.#starting === undefined && this.shadowRoot.querySelector('[role=alert]') && this.start());
    try {
      this.#handle.update(this.#options());
    } catch (error) {
      this.#end();
      this.#fail(error);
    }
  }

  /** Loads what is needed and mounts the run. */
  start() {
    near.unobserve(this);
    return (this.#starting ??= Promise.all([load(), styles()])
      .then(([glue]) => {
        if (!this.isConnected || this.#handle) return;
        this.#place.replaceChildren();
        this.#handle = glue.mount(this.#place, this.#options());
        this.#handle.setVisible(this.#visible);
        const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
        if (this.autoplay !== null && this.autoplay !== 'false' && !still) this.#handle.play();
        this.#tell('cs-ready', {});
      })
      .catch((error) => this.#fail(error))
      .finally(() => (this.#starting = undefined)));
  }

  see(visible) {
    this.#visible = visible;
    this.#handle?.setVisible(visible);
  }

  play() { this.#handle?.play(); }
  pause() { this.#handle?.pause(); }
  step() { this.#handle?.step(); }
  back() { this.#handle?.back(); }
  reset() { this.#handle?.reset(); }
  seek(time) { this.#try(() => this.#handle?.seek(String(time))); }
  command(text) { this.#try(() => this.#handle?.command(String(text))); }
  get playing() { return this.#handle?.playing ?? false; }
  get time() { return this.#handle?.time ?? null; }
  get moment() { return this.#handle?.link ?? null; }

  /** The engine broke down: nothing in this page moves any more. */
  crash(message) {
    this.#handle = undefined;
    this.#place.remove();
    this.#place = this.shadowRoot.appendChild(document.createElement('div'));
    this.#place.className = 'cs-embed-root';
    this.#fail(new Error(message));
    const again = document.createElement('button');
    again.className = 'cs-button';
    again.textContent = 'Reload';
    again.onclick = () => this.start();
    this.#place.firstChild.append(again);
  }

  #options() {
    const part = encodeURIComponent;
    let link = this.link ?? `#/${part(this.system ?? '')}/${part(this.scenario ?? '')}${this.seed === null ? '' : `?seed=${part(this.seed)}`}`;
    if (link === '#') link = location.hash;
    const start = this.getAttribute('start-at');
    if (start !== null) link += `${link.includes('?') ? '&' : '?'}t=${part(start)}`;
    const onViolation = (check, reason, time) => this.#tell('cs-violation', { check, reason, time });
    return { link, home: at('./'), controls: this.controls, speed: this.speed, onViolation };
  }

  #theme() {
    if (this.theme === 'light' || this.theme === 'dark') this.dataset.theme = this.theme;
    else delete this.dataset.theme;
  }

  #try(act) {
    try {
      act();
    } catch (error) {
      this.#tell('cs-error', { message: error.message });
      throw error;
    }
  }

  #say(text, role) {
    const line = document.createElement('div');
    line.className = role ? 'cs-alert' : 'cs-poster';
    if (role) line.setAttribute('role', role);
    line.append(text);
    this.#place.replaceChildren(line);
  }

  #fail(error) {
    this.#say(error.message ?? String(error), 'alert');
    this.#tell('cs-error', { message: error.message ?? String(error) });
  }

  #end() {
    this.#handle?.destroy();
    this.#handle?.free();
    this.#handle = undefined;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

for (const name of NAMES) {
  const property = name.replace(/-./g, (it) => it[1].toUpperCase());
  Object.defineProperty(ClusterScope.prototype, property, {
    configurable: true,
    enumerable: true,
    get() { return this.getAttribute(name); },
    set(value) {
      if (value === null || value === undefined || value === false) this.removeAttribute(name);
      else this.setAttribute(name, value === true ? '' : value);
    },
  });
}

addEventListener(PANIC, (event) => {
  engine = undefined;
  tries += 1;
  known.forEach((it) => it.crash(`The simulation broke down: ${event.detail}`));
});

if (!customElements.get('cluster-scope')) customElements.define('cluster-scope', ClusterScope);
