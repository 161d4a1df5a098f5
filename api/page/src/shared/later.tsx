import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { doubt } from "../store/connection";
import { words } from "../words";
import { useComeback } from "./lifetime";

const SOON_S = 3;
const idly = window.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 1000));

/** A view whose code is not needed for the first one: it is fetched when that has been there for a while and the page has
 * nothing else to do, or when the view is looked at before. `Meanwhile` stands in its place until then. */
export function later<P>(load: () => Promise<ComponentType<P>>, Meanwhile?: ComponentType<P>): ComponentType<P> {
  const found = signal<ComponentType<P> | null>(null);
  const hasFailed = signal(false);
  const fetch = async () => {
    try {
      found.value = await load();
      hasFailed.value = false;
    } catch {
      hasFailed.value = true;
      doubt();
    }
  };
  const again = () => void (found.value ?? fetch());
  const soon = () => setTimeout(() => idly(again), SOON_S * 1000);
  if (document.readyState === "complete") soon();
  else addEventListener("load", soon, { once: true });
  return (props) => {
    useEffect(again, []);
    useComeback(again);
    const View = found.value;
    if (View) return <View {...props} />;
    if (Meanwhile) return <Meanwhile {...props} />;
    return (
      <p class={hasFailed.value ? "notice bad" : "hint"} aria-busy={!hasFailed.value}>
        {words.app[hasFailed.value ? "viewFailed" : "loading"]}
      </p>
    );
  };
}
