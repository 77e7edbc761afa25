// The <cluster-scope> element: a simulated cluster in any page.
const at = (name) => new URL(name, import.meta.url).href;
const NAMES = ['system', 'scenario', 'seed', 'link', 'theme', 'speed', 'autoplay', 'controls', 'start-at', 'loading'];
const all = new Set();
const base = new CSSStyleSheet();
base.replaceSync(':host{display:block;height:420px}');
let crashes = 0;
let engine;
let sheets;

// One instance for all elements of a page; another after a crash.
function load() {
  engine ??= import(at('clusterscope-web.js') + (crashes ? `?r=${crashes}` : '')).then(async (glue) => {
    await glue.default({ module_or_path: at('clusterscope-web_bg.wasm') });
    return glue;
  });
  sheets ??= Promise.all(
    ['tokens', 'stage', 'app'].map(async (name) => {
      const answer = await fetch(at(`${name}.css`));
      return new CSSStyleSheet().replace(answer.ok ? await answer.text() : '');
    }),
  );
  const loaded = Promise.all([engine, sheets]);
  loaded.catch(() => (engine = sheets = undefined));
  return loaded;
}

const near = new IntersectionObserver((them) => them.forEach((it) => it.isIntersecting && it.target.start()), {
  rootMargin: '200px',
});
const seen = new IntersectionObserver((them) => them.forEach((it) => it.target.see(it.isIntersecting)));

class ClusterScope extends HTMLElement {
  static observedAttributes = NAMES;
  #handle;
  #starting;
  #failed;
  #visible;
  #place;

  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [base];
    // <button commandfor="…" command="--crash" value="n1">
    this.addEventListener('command', (event) => {
      this.command(`${event.command.replace(/^--/, '')} ${event.source?.value ?? ''}`.trim());
    });
  }

  connectedCallback() {
    all.add(this);
    if (this.#handle) return;
    this.#theme();
    this.#say('cs-poster').append(document.createElement('slot'));
    seen.observe(this);
    if (this.loading === 'eager') this.start();
    else near.observe(this);
  }

  disconnectedCallback() {
    // A move takes it out and puts it back at once.
    queueMicrotask(() => {
      if (this.isConnected) return;
      all.delete(this);
      near.unobserve(this);
      seen.unobserve(this);
      this.#end();
    });
  }

  attributeChangedCallback(name, old, value) {
    if (old === value || !this.isConnected) return;
    if (name === 'theme') this.#theme();
    else if (this.#handle) {
      try {
        this.#handle.update(this.#options());
      } catch (error) {
        this.#end();
        this.#fail(error);
      }
    } else if (this.#failed) this.start();
  }

  start() {
    near.unobserve(this);
    return (this.#starting ??= load()
      .then(([glue, styles]) => {
        if (!this.isConnected || this.#handle) return;
        this.shadowRoot.adoptedStyleSheets = [base, ...styles];
        const handle = glue.mount(this.#say('cs-embed-root'), this.#options());
        this.#handle = handle;
        this.#failed = false;
        handle.setVisible(this.#visible);
        const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
        if ((this.autoplay ?? 'false') !== 'false' && !still) handle.play();
        this.#tell('cs-ready');
      })
      .catch((error) => this.#fail(error))
      .finally(() => (this.#starting = undefined)));
  }

  see(visible) {
    this.#visible = visible;
    this.#handle?.setVisible(visible);
  }

  call(method, ...rest) {
    return this.#handle?.[method](...rest.map(String));
  }

  get playing() { return this.#handle?.playing ?? false; }
  get state() { return this.#handle?.state ?? null; }
  get time() { return this.#handle?.time ?? null; }
  get moment() { return this.#handle?.link ?? null; }

  // Nothing of a broken engine may be touched.
  crash(message) {
    this.#handle = undefined;
    const again = document.createElement('button');
    again.append('Reload');
    again.onclick = () => this.start();
    this.#fail({ message: `The simulation broke down: ${message}` }).append(again);
  }

  #options() {
    const part = encodeURIComponent;
    let link = this.link === '#' ? location.hash : this.link;
    link ??= `#/${part(this.system ?? '')}/${part(this.scenario ?? '')}?${this.seed === null ? '' : `seed=${part(this.seed)}`}`;
    if (this.startAt !== null) link += `${link.includes('?') ? '&' : '?'}t=${part(this.startAt)}`;
    const onViolation = (check, reason, time) => this.#tell('cs-violation', { check, reason, time });
    return { link, home: at('./'), controls: this.controls, speed: this.speed, onViolation };
  }

  #theme() {
    if (/^(light|dark)$/.test(this.theme)) this.dataset.theme = this.theme;
    else delete this.dataset.theme;
  }

  #say(className) {
    this.#place?.remove();
    this.#place = document.createElement('div');
    this.#place.className = className;
    this.shadowRoot.append(this.#place);
    return this.#place;
  }

  #fail(error) {
    const alert = this.#say('cs-poster');
    this.#failed = true;
    alert.role = 'alert';
    alert.append(error.message ?? error);
    this.#tell('cs-error', error);
    return alert;
  }

  #end() {
    this.#handle?.destroy();
    this.#handle?.free();
    this.#handle = undefined;
  }

  #tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

for (const name of ['play', 'pause', 'step', 'back', 'reset', 'seek', 'command']) {
  ClusterScope.prototype[name] = function (...rest) {
    this.call(name, ...rest);
  };
}
for (const name of NAMES) {
  Object.defineProperty(ClusterScope.prototype, name.replace('-a', 'A'), {
    get() {
      return this.getAttribute(name);
    },
    set(value) {
      if (value === false || value == null) this.removeAttribute(name);
      else this.setAttribute(name, value === true ? '' : value);
    },
  });
}

addEventListener('clusterscope-panic', ({ detail }) => {
  engine = undefined;
  crashes += 1;
  all.forEach((it) => it.crash(detail));
});

if (!customElements.get('cluster-scope')) customElements.define('cluster-scope', ClusterScope);
