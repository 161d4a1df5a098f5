import "./styles/page.css"; // first: what a view says of itself stands after it

import { render } from "preact";
import { App } from "./app";
import { comebacks, watch } from "./store/connection";
import { tell, tellUnforeseen } from "./store/notices";
import { guardUnsaved } from "./store/outbox";
import { words } from "./words";

tellUnforeseen();
guardUnsaved();
void painted().then(() => {
  render(<App />, document.getElementById("app")!);
  void watch();
});

/** Resolves once the header that stands in index.html is on the screen; at the latest when the page is looked at no more. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 50);
  });
}
comebacks.subscribe((times) => {
  if (times) tell(words.connection.back);
});
