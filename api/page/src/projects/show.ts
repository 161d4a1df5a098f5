import { attempt } from "../store/notices";
import { oneAtATime } from "../store/turns";

const alone = oneAtATime();

/** Opens the list of all projects, whose code is fetched then. */
export const showProjects = () => alone(() => attempt(async () => (await import("./ProjectsDialog")).showProjects()));
