// What the time line and the space-time diagram call what is amiss with the network. Both are painted, so the test
// listens to what is written on their canvases.
import assert from 'node:assert/strict';
import { pageTest } from '../harness.mjs';

const WIDE = { viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' };
const NARROW = { viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' };

/** Keeps, for each canvas, the words of its last picture and where each begins and ends. */
function listen() {
  window.written = {};
  const { clearRect, fillText } = CanvasRenderingContext2D.prototype;
  const name = (context) => context.canvas.className;
  CanvasRenderingContext2D.prototype.clearRect = function (...place) {
    window.written[name(this)] = [];
    return clearRect.apply(this, place);
  };
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const width = this.measureText(text).width;
    const from = { left: x, center: x - width / 2, right: x - width }[this.textAlign] ?? x;
    (window.written[name(this)] ??= []).push({ text, from, to: from + width, y });
    return fillText.call(this, text, x, y);
  };
}

const link = (commands) =>
  `#/raft/calm?seed=3${commands.map((it) => `&do=${encodeURIComponent(it).replaceAll('%20', '+')}`).join('')}&t=3s`;

/** Opens a run and gives what is written on the time line and in the diagram. */
async function written({ page, visit }, commands) {
  await page.addInitScript(listen);
  await visit(link(commands));
  const tab = page.getByRole('tab', { name: 'Space–time' });
  if (await tab.count()) {
    await tab.click();
  }
  const both = ['cs-timeline-canvas', 'cs-spacetime-canvas'];
  await page.waitForFunction((both) => both.every((it) => window.written[it]?.length), both);
  return page.evaluate((both) => both.map((it) => window.written[it]), both);
}

/** The words of which none may stand on another. */
function assertApart(words) {
  for (const [place, one] of words.entries()) {
    for (const other of words.slice(place + 1).filter((it) => Math.abs(it.y - one.y) < 9)) {
      assert.ok(one.to <= other.from || other.to <= one.from, `${one.text} lies on ${other.text}`);
    }
  }
}

const NAMES = /partition|links|delays|messages (lost|held)/;

for (const [where, options] of [['wide', WIDE], ['narrow', NARROW]]) {
  for (const [fault, name] of [
    ['1s link n1-n2 loss 5%', 'lossy links'],
    ['1s link n1-n2 latency 40ms', 'delays'],
    ['1s clog n1>n2', 'clogged links'],
    ['1s cut n1-n2', 'cut links'],
    ['1s hold AppendEntries', 'messages held'],
    ['1s partition n1 | n2 n3 n4 n5', 'partition'],
  ]) {
    pageTest(`"${fault}" is called ${name}, ${where}`, options, async (given) => {
      for (const words of await written(given, [fault])) {
        assert.deepEqual(words.map((it) => it.text).filter((it) => NAMES.test(it)), [name]);
      }
    });
  }

  pageTest(`names along the foot do not lie on each other, ${where}`, options, async (given) => {
    const [, diagram] = await written(given, [
      '2s link n1-n2 loss 5%',
      '2.1s cut n3-n4',
      '2.2s partition n1 n2 | n3 n4 n5',
      '2.3s clog n4>n5',
      '2.4s set latency 20ms',
      '2.5s hold AppendEntries',
    ]);
    const names = diagram.filter((it) => NAMES.test(it.text));
    assert.ok(names.length >= 1, 'at least the first is named');
    const [{ y }] = names;
    assertApart(diagram.filter((it) => Math.abs(it.y - y) < 1));
  });
}

pageTest('a partition that is over has an end on the time line', WIDE, async (given) => {
  const [timeline] = await written(given, ['1s partition n1 | n2 n3 n4 n5 for 200ms', '2s link n1-n2 loss 5%']);
  const names = timeline.filter((it) => NAMES.test(it.text));
  assert.deepEqual(names.map((it) => it.text), ['partition', 'lossy links']);
  assert.ok(names[0].to < names[1].from, 'the first ended before the second began');
});
