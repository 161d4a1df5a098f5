import "./styles/page.css"; // first: what a view says of itself stands after it

import { render } from "preact";
import { App } from "./app";
import { comebacks, watch } from "./store/connection";
import { tell, tellUnforeseen } from "./store/notices";
import { guardUnsaved } from "./store/outbox";
import { words } from "./words";

tellUnforeseen();
guardUnsaved();
render(<App />, document.getElementById("app")!);
void watch();
comebacks.subscribe((times) => {
  if (times) tell(words.connection.back);
});
