import type { ComponentType } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { showHelp } from "./help/Help";
import { LabelView } from "./label/LabelView";
import { OpenProject } from "./projects/OpenProject";
import { showProjects } from "./projects/show";
import { forgetKey, key } from "./service/service";
import { Banner } from "./shared/Banner";
import { Dialogs } from "./shared/Dialogs";
import { Failed } from "./shared/Failed";
import { KeyDialog } from "./shared/KeyDialog";
import { useKeys } from "./shared/keyboard";
import { later } from "./shared/later";
import { Toasts } from "./shared/Toasts";
import { dialogs } from "./store/notices";
import { isBoxes, looksAtThem, project } from "./store/project";
import { loadProjects } from "./store/projects";
import { addressOf, go, type Route, route, VIEWS } from "./store/route";
import { words } from "./words";

const SHOWN = {
  label: LabelView,
  quality: later(async () => (await import("./quality/QualityView")).QualityView),
  check: later(async () => (await import("./check/CheckView")).CheckView),
  map: later(async () => (await import("./map/MapView")).MapView),
  browse: later(async () => (await import("./browse/BrowseView")).BrowseView),
  jobs: later(async () => (await import("./jobs/JobsView")).JobsView),
  setup: later(async () => (await import("./setup/SetupView")).SetupView),
  similar: later(async () => (await import("./similar/SimilarView")).SimilarView),
};
/** Where boxes are drawn, these are shown instead. */
const OF_BOXES: Partial<Record<keyof typeof SHOWN, ComponentType<{ params: URLSearchParams }>>> = {
  label: later(async () => (await import("./boxes/DrawView")).DrawView),
  check: later(async () => (await import("./check/BoxCheckView")).BoxCheckView),
  similar: later(async () => (await import("./similar/BoxSimilarView")).BoxSimilarView),
};
const fileOf = (path: string) => path.replace(/\/+$/, "").split("/").pop() || path;

export function App() {
  const main = useRef<HTMLElement>(null);
  const { view, params } = route.value;
  const elsewhere = useElsewhere(route.value);
  const hasFolders = project.value !== null || params.has("job") || view === "jobs";
  const shown = hasFolders || elsewhere ? view : "setup";
  const View = (isBoxes() && OF_BOXES[shown]) || SHOWN[shown];

  useEffect(() => {
    document.title = words.app.title(words.app.view[shown]);
  }, [shown]);
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [shown, params]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const digit = /^Digit([1-7])$/.exec(event.code)?.[1];
      if (!event.altKey || event.ctrlKey || !digit) return;
      event.preventDefault();
      go(VIEWS[Number(digit) - 1]!);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useKeys((pressed) => {
    if (pressed === "?") void showHelp();
    return pressed === "?";
  });

  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: the address belongs to the views, so the browser can't go there itself */}
      <a
        class="skip-link"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {words.app.toContent}
      </a>
      <Top shown={shown} />
      <Banner />
      <main id="main" tabIndex={-1} ref={main}>
        <Failed key={`${shown}?${params}`}>
          {elsewhere ? <OpenProject name={elsewhere} /> : <View params={params} />}
        </Failed>
      </main>
      {dialogs.value.length === 0 && <Toasts />}
      <Dialogs />
      <KeyDialog />
    </>
  );
}

/** The project that the address names, where another one is open; null once it was. */
function useElsewhere(now: Route): string | null {
  const opened = useRef<Route | null>(null);
  const named = now.params.get("project");
  if (!named || named === project.value?.name) opened.current = now;
  const { pool, labels, name } = project.value ?? {};
  useEffect(() => {
    if (pool && !name) void loadProjects().catch(() => {}); // without a name all works, but for links to it
  }, [pool, labels]);
  return opened.current === now ? null : named;
}

function Top({ shown }: { shown: keyof typeof SHOWN }) {
  const now = project.value;
  return (
    <header class="top">
      <a class="brand" href={addressOf("label")} aria-label={words.app.home}>
        <span class="mark" aria-hidden="true" />
        nextlabel
      </a>
      <nav aria-label={words.app.views}>
        {VIEWS.map((view) => (
          <a key={view} href={addressOf(view)} aria-current={view === shown ? "page" : undefined}>
            {words.app.view[view]}
          </a>
        ))}
      </nav>
      <div class="where">
        {now && (
          <p>
            <button
              type="button"
              class="quiet pool"
              title={now.pool}
              aria-label={words.projects.open(now.name ?? fileOf(now.pool))}
              onClick={() => void showProjects()}
            >
              {now.name ?? fileOf(now.pool)}
            </button>{" "}
            <span class="dim">{looksAtThem()}</span>{" "}
            <span class="dim" title={words.app.signedInAs(now.person)}>
              · {now.person}
            </span>
          </p>
        )}
        {key.value && (
          <button type="button" class="quiet" onClick={forgetKey}>
            {words.app.forgetKey}
          </button>
        )}
      </div>
    </header>
  );
}
