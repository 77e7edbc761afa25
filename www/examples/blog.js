// Buttons of the article that speak to the element above them.
const cluster = document.querySelector('#crash');

for (const button of document.querySelectorAll('[data-command]')) {
  button.addEventListener('click', () => document.querySelector('cluster-scope').command(button.dataset.command));
}
for (const button of document.querySelectorAll('[data-act]')) {
  button.addEventListener('click', () => cluster[button.dataset.act]());
}
const told = document.querySelector('#told');
document.addEventListener('cs-violation', (event) => {
  // One broken promise brings down others; the first says most.
  if (!told.dataset.check) {
    told.dataset.check = event.detail.check;
    told.textContent = `The element told this page: ${event.detail.reason}.`;
  }
});
