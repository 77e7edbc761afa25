// Away from the page: runs what the page asks for in an instance of the page's own module.
import init, * as engine from './clusterscope-web.js';

let ready;
addEventListener('message', async ({ data: [module, name, ...rest] }) => {
  try {
    await (ready ??= init({ module_or_path: module }));
    postMessage([true, engine[name](...rest)]);
  } catch (error) {
    postMessage([false, String(error.message ?? error)]);
  }
});
