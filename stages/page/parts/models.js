/* global document, window, history, location */
// One model at a time: the select, the two buttons and every link to a model choose which; the address keeps it.
'use strict';

{
  const select = document.getElementById('model-choice');
  const panels = [...document.querySelectorAll('article.model')];

  const choose = (anchor) => {
    for (const panel of panels) panel.hidden = panel.id !== anchor;
    select.value = anchor;
  };

  const remember = (anchor) => {
    choose(anchor);
    history.replaceState(null, '', `#${anchor}`);
  };

  const follow = () => {
    const panel = panels.find(({ id }) => `#${id}` === location.hash);
    if (panel === undefined) return;
    choose(panel.id);
    panel.scrollIntoView();
    panel.focus({ preventScroll: true });
  };

  select.addEventListener('change', () => remember(select.value));
  for (const button of document.querySelectorAll('.switcher button')) {
    button.addEventListener('click', () => {
      const next = select.selectedIndex + Number(button.dataset.step);
      remember(panels[(next + panels.length) % panels.length].id);
    });
  }
  document.addEventListener('click', (event) => {
    // A link to the model that the address names already changes no address.
    const link = event.target.closest('a[href^="#model-"]');
    if (link !== null && link.hash === location.hash) follow();
  });
  window.addEventListener('hashchange', follow);
  if (panels.length > 0) choose(panels[0].id);
  follow();
}
