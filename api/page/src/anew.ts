// Files of tests that share a process share nothing that our own modules keep.

import { vi } from "vitest";

vi.resetModules();
