import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, Problem } from "../service/service";
import type { Folder } from "../service/types";
import { open } from "../store/notices";
import { inOrder } from "../store/turns";
import { words } from "../words";

/** What may be chosen: a folder of images, any folder, or a folder or labels file. */
export type Wanted = "images" | "folders" | "files";

const nameOf = (path: string) => path.replace(/\/+$/, "").split("/").pop() || path;

/** Resolves with a path under the data roots, or null. */
export const pick = (title: string, start: string | null, wanted: Wanted) =>
  open<string>(title, (close) => <Picker start={start} wanted={wanted} onPick={close} />, true);

interface Given {
  start: string | null;
  wanted: Wanted;
  onPick: (path: string) => void;
}

function Picker({ start, wanted, onPick }: Given) {
  const place = useRef<HTMLDivElement>(null);
  const [listed, setListed] = useState<Folder | null>(null);
  const [fault, setFault] = useState("");
  const { picker } = words;

  const looks = useMemo(inOrder, []);
  const look = async (path: string | null): Promise<void> => {
    const isNewest = looks.asked();
    try {
      const found = await get<Folder>("folders", { query: { path } });
      if (!isNewest()) return; // another one was chosen meanwhile
      setListed(found);
      setFault("");
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!isNewest()) return;
      if (path && !listed) return look(null); // what stands in the field is no folder
      setFault(error.message);
    }
  };
  useEffect(() => void look(start), []);
  useEffect(() => {
    const first = place.current?.querySelector<HTMLElement>(".entries button");
    (first ?? place.current?.querySelector<HTMLElement>(".primary"))?.focus();
  }, [listed]);

  return (
    <div class="picker" ref={place}>
      {fault && (
        <p class="notice bad" role="alert">
          {fault}
        </p>
      )}
      {listed && (
        <>
          <div class="row">
            <button
              type="button"
              aria-label={picker.up}
              disabled={!listed.path}
              onClick={() => void look(listed.parent)}
            >
              ↑
            </button>
            <p class="path grow">{listed.path ?? picker.roots}</p>
          </div>
          <ul class="entries">
            {listed.folders.map((path) => (
              <Entry
                key={path}
                kind="folder"
                name={listed.path ? nameOf(path) : path}
                onClick={() => void look(path)}
              />
            ))}
            {wanted === "files" &&
              listed.files.map((path) => (
                <Entry key={path} kind="file" name={nameOf(path)} onClick={() => onPick(path)} />
              ))}
            {!listed.folders.length && !(wanted === "files" && listed.files.length) && (
              <li class="dim">{picker.nothing}</li>
            )}
          </ul>
          {listed.more && <p class="dim">{picker.more}</p>}
          <div class="row end">
            <span class="dim grow">
              {wanted === "images" &&
                listed.path &&
                (listed.images ? picker.imagesHere(listed.images) : picker.noneHere)}
            </span>
            <button type="button" class="primary" disabled={!listed.path} onClick={() => onPick(listed.path!)}>
              {picker.use}
            </button>
          </div>
        </>
      )}
    </div>
  );
}

function Entry({ kind, name, onClick }: { kind: "folder" | "file"; name: string; onClick: () => void }) {
  return (
    <li>
      <button type="button" class={`entry ${kind}`} onClick={onClick}>
        <span class={`icon ${kind}`} aria-hidden="true" />
        {name}
      </button>
    </li>
  );
}
