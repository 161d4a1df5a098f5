import { useRef } from "preact/hooks";
import { open, tell } from "../store/notices";
import { linkToHere } from "../store/route";
import { words } from "../words";

/** Copies the address of what is shown, or that which is given; where a page may not copy, it shows it. */
export function LinkButton({ to }: { to?: string }) {
  const copy = async () => {
    const link = to ? new URL(to, location.href).href : linkToHere();
    try {
      await navigator.clipboard.writeText(link);
      tell(words.links.copied);
    } catch {
      await open<never>(words.links.title, () => <ByHand link={link} />); // plain http has no clipboard
    }
  };
  return (
    <button type="button" class="quiet" title={words.links.hint} onClick={() => void copy()}>
      {words.links.copy}
    </button>
  );
}

function ByHand({ link }: { link: string }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <label>
      {words.links.byHand}
      <input
        ref={field}
        data-first
        readOnly
        value={link}
        style={{ width: "100%" }}
        onFocus={() => field.current?.select()}
      />
    </label>
  );
}
