import { render } from "preact";
import { App } from "./app";
import { comebacks, watch } from "./store/connection";
import { tell, tellUnforeseen } from "./store/notices";
import { guardUnsaved } from "./store/outbox";
import { words } from "./words";

export function start(): void {
  tellUnforeseen();
  guardUnsaved();
  comebacks.subscribe((times) => {
    if (times) tell(words.connection.back);
  });
  const app = document.getElementById("app")!;
  render(<App />, app);
  app.removeAttribute("aria-busy");
  void watch();
}
