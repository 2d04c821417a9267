// Asking before an edit is lost that was not saved.

let edit = ''; // what the picture on the screen shows; empty for the photo itself
let saved = '';

const ask = (event) => event.preventDefault();

/** Only while there is something to lose: a page that always asks cannot be kept by the browser to return to. */
function watch() {
  removeEventListener('beforeunload', ask);
  if (there()) addEventListener('beforeunload', ask);
}

function there() {
  return edit !== '' && edit !== saved;
}

/** Tells what the picture shows now. */
export function shows(wanted) {
  edit = wanted;
  watch();
}

/** Tells that an edit was saved, which need not be what the picture shows by now. */
export function save(shown) {
  saved = shown;
  watch();
}

/** Tells that the photo is another one. */
export function forget() {
  edit = saved = '';
  watch();
}

/** Whether the photo may be left: nothing would be lost, or that is agreed to. */
export function mayLeave() {
  return !there() || confirm('The edited picture was not saved. Leave it?');
}
