import "./styles/page.css"; // first: what a view says of itself stands after it

import { speak } from "./words";

// What has words is loaded when it is known in which language.
void Promise.all([painted(), speak()]).then(async () => (await import("./start")).start());

/** Resolves once the header that stands in index.html is on the screen; at the latest when the page is looked at no more. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 50);
  });
}
