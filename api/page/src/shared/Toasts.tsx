import { toasts } from "../store/notices";
import { words } from "../words";

export function Toasts() {
  return (
    <div class="toasts">
      {toasts.value.map((one) => (
        <p key={one.id} class={`toast ${one.kind}`}>
          {one.text} {one.count > 1 && words.app.times(one.count)}
        </p>
      ))}
    </div>
  );
}
