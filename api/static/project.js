// What a person works on: kept in this browser, so that the page opens where it was left.

const PROJECT = "nextlabel.project";

function read(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** {pool, labels, valPool, valLabels, backbone, method, add, person, copies}, or null. */
export function project() {
  return read(PROJECT, null);
}

export function setProject(changed) {
  const now = { ...project(), ...changed };
  localStorage.setItem(PROJECT, JSON.stringify(now));
  return now;
}

// --- what belongs to one pool and its labels ------------------------------------------------------------------------

const place = (what) => {
  const { pool, labels } = project();
  return `nextlabel.${what}:${pool}\n${labels}`;
};

/** The newest job of a kind that was started here. */
export const lastJob = (kind) => read(place("jobs"), {})[kind] ?? null;

export function setLastJob(kind, id) {
  localStorage.setItem(place("jobs"), JSON.stringify({ ...read(place("jobs"), {}), [kind]: id }));
}

/** Names that are never to be shown again. */
export const skipped = () => read(place("skipped"), []);

export function setSkipped(names) {
  localStorage.setItem(place("skipped"), JSON.stringify(names));
}

/** Labels that a person has looked at and found right: `name<TAB>class`. */
export const keptLabels = () => new Set(read(place("kept"), []));

export function keepLabel(name, className) {
  localStorage.setItem(place("kept"), JSON.stringify([...keptLabels(), `${name}\t${className}`]));
}

export function forgetKept(name, className) {
  localStorage.setItem(place("kept"), JSON.stringify([...keptLabels()].filter((one) => one !== `${name}\t${className}`)));
}

/** Classes in the order in which they got their keys, so that a key means the same tomorrow. */
export function orderedClasses(present) {
  const known = read(place("classes"), []);
  const all = [...known, ...present.filter((one) => !known.includes(one))];
  localStorage.setItem(place("classes"), JSON.stringify(all));
  return all;
}

// --- requests -------------------------------------------------------------------------------------------------------

/** What kinds that work on one labelled set are asked with. */
export function onePool(labelled = true) {
  const { pool, labels, backbone } = project();
  return { backbone, path_to_img: pool, ...(labelled ? { path_to_labels: labels } : {}) };
}

export function validated() {
  const { valPool, valLabels } = project();
  return valPool && valLabels ? { path_to_img_val: valPool, path_to_labels_val: valLabels } : {};
}
