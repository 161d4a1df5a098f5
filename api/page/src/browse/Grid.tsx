import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { Browse } from "../store/browse";
import { Ranges } from "../store/ranges";
import { TallScroll } from "../store/tallScroll";
import { words } from "../words";
import { BrowseTile } from "./BrowseTile";

const [TILE, SMALL_TILE, NARROW] = [132, 92, 560];
const GAP = 8;
const CAPTION = 24;
const AROUND = 2; // rows above and below that are there, too
const SETTLE_MS = 80; // a scroll bar on its way asks for nothing
const DRAG = 6; // pixels, from which on a press is a rubber band

/** The images that are found, of which only those in sight are there. Clicks, keys and a rubber band select them. */
export function Grid({ browse }: { browse: Browse }) {
  const box = useRef<HTMLDivElement>(null);
  const size = useSignal({ width: 0, height: 0 });
  const place = useRef(0); // where in the whole the window begins; it moves with every frame of a scroll
  const drawn = useSignal(""); // of what is drawn: only when that changes it is drawn again
  const { total } = browse;
  const { width, height } = size.value;
  const tile = width < NARROW ? SMALL_TILE : TILE;
  const columns = Math.max(2, Math.floor((width + GAP) / (tile + GAP)));
  const side = Math.max(1, (width - GAP * (columns - 1)) / columns);
  const rowHeight = side + CAPTION + GAP;
  const rows = Math.ceil(total / columns);
  const scroll = useMemo(() => new TallScroll(rows * rowHeight, height), [rows, rowHeight, height]);
  const firstRowAt = (at: number) => Math.max(0, Math.floor(at / rowHeight) - AROUND);
  const moved = () => {
    place.current = scroll.at;
    drawn.value = `${firstRowAt(scroll.at)} ${scroll.offset}`;
  };

  useLayoutEffect(() => {
    const measure = () => {
      const { clientWidth, clientHeight } = box.current!;
      if (clientWidth !== size.peek().width || clientHeight !== size.peek().height) {
        size.value = { width: clientWidth, height: clientHeight };
      }
    };
    const watch = new ResizeObserver(measure);
    watch.observe(box.current!);
    measure();
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    box.current!.scrollTop = scroll.to(place.current);
    moved();
  }, [scroll]);
  useEffect(() => {
    const { activeElement: focused } = document;
    if (!focused || focused === document.body || focused.matches("main")) box.current?.focus({ preventScroll: true });
  }, []);

  drawn.value;
  const firstRow = firstRowAt(place.current);
  const lastRow = Math.min(rows - 1, firstRow + Math.ceil(height / rowHeight) + 2 * AROUND);
  const [first, end] = [firstRow * columns, Math.min(total, (lastRow + 1) * columns)];
  useEffect(() => {
    const settled = setTimeout(() => browse.want(first, end), SETTLE_MS);
    return () => clearTimeout(settled);
  }, [browse, first, end]);

  const reveal = (index: number) => {
    const top = Math.floor(index / columns) * rowHeight;
    const below = top + rowHeight - height;
    const to = top < scroll.at ? top : below > scroll.at ? below : null;
    if (to === null) return;
    box.current!.scrollTop = scroll.to(to);
    moved();
  };
  useEffect(() => {
    if (width) reveal(browse.at.peek()); // where it was begun with an image far down
  }, [browse, browse.seen.value?.view, !width]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== box.current || event.altKey) return;
    const withControl = event.ctrlKey || event.metaKey;
    const at = browse.at.peek();
    const page = Math.max(1, Math.floor(height / rowHeight)) * columns;
    const to: Record<string, number> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + columns,
      ArrowUp: at - columns,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: total - 1,
    };
    const next = to[event.key];
    if (next !== undefined && !withControl) {
      browse.step(Math.max(0, Math.min(total - 1, next)), event.shiftKey);
      reveal(browse.at.peek());
    } else if (withControl && event.key.toLowerCase() === "a") browse.all();
    else if (event.key === " ") browse.pick(at, "too");
    else if (event.key === "Escape") browse.none();
    else return;
    event.preventDefault();
  };
  const band = useBand(box, () => ({ scroll, columns, step: side + GAP, rowHeight, total }), browse);
  const onClick = (event: MouseEvent) => {
    const index = Number((event.target as Element).closest<HTMLElement>("[data-index]")?.dataset.index ?? Number.NaN);
    if (Number.isNaN(index) || band.hasDrawn()) return;
    const touched = (event as PointerEvent).pointerType === "touch";
    browse.pick(index, event.shiftKey ? "to" : event.ctrlKey || event.metaKey || touched ? "too" : "alone");
    box.current?.focus({ preventScroll: true });
  };

  browse.version.value;
  const selected = browse.selected.value;
  const at = browse.at.value;
  const shown = width ? Array.from({ length: Math.max(0, end - first) }, (_, step) => first + step) : [];
  return (
    <div
      ref={box}
      id="browse-grid"
      class="browse-grid"
      role="listbox"
      aria-multiselectable="true"
      aria-label={words.browse.grid(total)}
      aria-activedescendant={at >= first && at < end ? `image-${at}` : undefined}
      tabIndex={0}
      onScroll={(event) => {
        const { scrollTop } = event.currentTarget;
        const to = scroll.scrolled(scrollTop);
        if (Math.abs(to - scrollTop) >= 1) event.currentTarget.scrollTop = to;
        moved();
      }}
      onKeyDown={onKeyDown}
      onClick={onClick}
      {...band.handlers}
    >
      {!total && <p class="empty">{words.browse.nothing}</p>}
      <div class="browse-all" style={{ height: `${scroll.box}px` }} role="presentation">
        {shown.map((index) => (
          <BrowseTile
            key={index}
            index={index}
            total={total}
            image={browse.image(index)}
            isSelected={selected.has(index)}
            isLookedAt={index === at}
            width={side}
            height={rowHeight - GAP}
            left={(index % columns) * (side + GAP)}
            top={Math.floor(index / columns) * rowHeight - scroll.offset}
          />
        ))}
        {band.drawn.value && <div class="band" style={band.drawn.value} />}
      </div>
    </div>
  );
}

interface Geometry {
  scroll: TallScroll;
  columns: number;
  /** From one column to the next. */
  step: number;
  rowHeight: number;
  total: number;
}

/** A rubber band, drawn with the mouse or a pen; a finger scrolls. With Shift or Ctrl, what was selected stays so. */
function useBand(box: { current: HTMLDivElement | null }, geometry: () => Geometry, browse: Browse) {
  const from = useRef<{ x: number; y: number; before: Ranges } | null>(null);
  const wasDrawn = useRef(false);
  const drawn = useSignal<Record<string, string> | null>(null);
  const spot = (event: PointerEvent) => {
    const frame = box.current!.getBoundingClientRect();
    return { x: event.clientX - frame.left, y: event.clientY - frame.top + geometry().scroll.at };
  };
  const onPointerDown = (event: PointerEvent) => {
    wasDrawn.current = false;
    const isInside = event.offsetX <= box.current!.clientWidth || event.target !== box.current;
    if (event.button !== 0 || event.pointerType === "touch" || !isInside) return;
    const stays = event.shiftKey || event.ctrlKey || event.metaKey;
    from.current = { ...spot(event), before: stays ? browse.selected.peek() : Ranges.none };
  };
  const onPointerMove = (event: PointerEvent) => {
    const start = from.current;
    if (!start) return;
    const now = spot(event);
    if (!wasDrawn.current && Math.hypot(now.x - start.x, now.y - start.y) < DRAG) return;
    if (!wasDrawn.current) box.current!.setPointerCapture(event.pointerId);
    wasDrawn.current = true;
    const [left, right] = [Math.min(start.x, now.x), Math.max(start.x, now.x)];
    const [top, bottom] = [Math.min(start.y, now.y), Math.max(start.y, now.y)];
    browse.selected.value = start.before.with(within(geometry(), left, right, top, bottom));
    const { offset } = geometry().scroll;
    drawn.value = {
      transform: `translate(${left}px, ${top - offset}px)`,
      width: `${right - left}px`,
      height: `${bottom - top}px`,
    };
    const frame = box.current!.getBoundingClientRect();
    if (event.clientY > frame.bottom) box.current!.scrollTop += event.clientY - frame.bottom;
    if (event.clientY < frame.top) box.current!.scrollTop -= frame.top - event.clientY;
  };
  const onPointerUp = () => {
    if (from.current && wasDrawn.current) browse.saySelected();
    from.current = null;
    drawn.value = null;
  };
  return {
    drawn,
    /** Whether the click that comes now ends a band. */
    hasDrawn: () => wasDrawn.current,
    handlers: { onPointerDown, onPointerMove, onPointerUp, onPointerCancel: onPointerUp },
  };
}

/** The images that a rectangle touches. */
function within(
  { columns, step, rowHeight, total }: Geometry,
  left: number,
  right: number,
  top: number,
  bottom: number,
) {
  const column = (x: number) => Math.max(0, Math.min(columns - 1, Math.floor(x / step)));
  let found = Ranges.none;
  for (let row = Math.max(0, Math.floor(top / rowHeight)); row <= Math.floor(bottom / rowHeight); row++) {
    const [first, last] = [row * columns + column(left), Math.min(total - 1, row * columns + column(right))];
    if (first <= last) found = found.with(Ranges.between(first, last));
  }
  return found;
}
