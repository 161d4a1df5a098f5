// Files of tests that share a process share nothing that our own modules keep, nor what these read when they begin; testing.ts
// clears what the page does. What modules of earlier files listen to on the window, they go on hearing.

import { vi } from "vitest";

localStorage.clear();
vi.resetModules();
