import { useEffect, useMemo } from "preact/hooks";
import { comebacks } from "../store/connection";

/** Aborts when the component goes, or is shown for something else. */
export function useLifetime(...about: unknown[]): AbortSignal {
  const controller = useMemo(() => new AbortController(), about);
  useEffect(() => () => controller.abort(), [controller]);
  return controller.signal;
}

/** Calls back whenever the service has come back. */
export function useComeback(back: () => void): void {
  useEffect(() => {
    const before = comebacks.peek();
    return comebacks.subscribe((now) => {
      if (now > before) back();
    });
  }, []);
}

/** Calls back when the tab is looked at again, and now and then while it is. */
export function useFreshness(everySeconds: number, refresh: () => void): void {
  useEffect(() => {
    const look = () => document.hidden || refresh();
    const timer = setInterval(look, everySeconds * 1000);
    addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, []);
}
