import { attempt } from "../store/notices";

/** Opens the list of all projects, whose code is fetched then. */
export const showProjects = () => attempt(async () => (await import("./ProjectsDialog")).showProjects());
