// Buttons of the article that speak to the element above them.
const cluster = document.querySelector('#crash');

for (const button of document.querySelectorAll('[data-command]')) {
  button.addEventListener('click', () => document.querySelector('cluster-scope').command(button.dataset.command));
}
for (const button of document.querySelectorAll('[data-act]')) {
  button.addEventListener('click', () => cluster[button.dataset.act]());
}
document.addEventListener('cs-violation', (event) => {
  document.querySelector('#told').textContent = `The element told this page: ${event.detail.reason}.`;
});
