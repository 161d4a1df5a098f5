import { toasts } from "../store/notices";
import { words } from "../words";

/** `within`: in a dialog, which lies over all that is not in it. */
export function Toasts({ within = false }: { within?: boolean }) {
  if (within && toasts.value.length === 0) return null;
  const role = toasts.value.some((one) => one.kind === "bad") ? "alert" : "status";
  return (
    <div class={`toasts ${within ? "within" : ""}`} role={within ? role : undefined}>
      {toasts.value.map((one) => (
        <p key={one.id} class={`toast ${one.kind}`}>
          {one.text} {one.count > 1 && words.app.times(one.count)}
        </p>
      ))}
    </div>
  );
}
