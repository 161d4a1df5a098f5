import { resolve } from "node:path";
import type { Plugin, Rolldown } from "vite";
import { compression } from "vite-plugin-compression2";
import { defineConfig } from "vitest/config";

const [MAIN, START] = ["main", "start"].map((name) => resolve(import.meta.dirname, `src/${name}.tsx`)) as [
  string,
  string,
];

/** The page starts when its language is known; what it starts with is fetched meanwhile. */
const fetchesTheStartAtOnce: Plugin = {
  name: "fetches-the-start-at-once",
  transformIndexHtml: {
    order: "post",
    handler: (_, { bundle = {} }) => {
      const chunks = Object.values(bundle).filter((one) => one.type === "chunk");
      const start = chunks.find((one) => one.moduleIds.includes(START));
      const already = new Set(chunks.filter((one) => one.isEntry).flatMap((one) => [one.fileName, ...one.imports]));
      const preload = (file: string, as: object) => ({
        tag: "link",
        attrs: { ...as, crossorigin: true, href: `./${file}` },
      });
      const scripts = [start?.fileName ?? [], start?.imports ?? []].flat().filter((file) => !already.has(file));
      const styles = [...(start?.viteMetadata?.importedCss ?? [])];
      return [
        ...scripts.map((file) => preload(file, { rel: "modulepreload" })),
        ...styles.map((file) => preload(file, { rel: "preload", as: "style" })),
      ];
    },
  },
};

/** The modules that are there once this one is. */
function withAllThatItImports(id: string, modules: Pick<Rolldown.PluginContext, "getModuleInfo">): Set<string> {
  const found = new Set([id]);
  for (const one of found) for (const other of modules.getModuleInfo(one)?.importedIds ?? []) found.add(other);
  return found;
}

/** What the page starts with is one file, and not one for each set of views that share a part of it. */
const inOneFile = {
  name: (id: string, modules: Pick<Rolldown.PluginContext, "getModuleInfo">) =>
    withAllThatItImports(START, modules).has(id) && !withAllThatItImports(MAIN, modules).has(id) ? "started" : null,
};

// The service serves index.html at / and the folder page/ at /page. All addresses are relative, so the page also works
// behind a proxy that serves it under a prefix.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../static",
    emptyOutDir: true,
    assetsDir: "page",
    target: "es2022",
    modulePreload: { polyfill: false },
    license: { fileName: "page/licences.md" },
    chunkSizeWarningLimit: 900,
    rolldownOptions: { output: { codeSplitting: { groups: [inOneFile], includeDependenciesRecursively: false } } },
  },
  // Files are compressed here, once, so that the service only has to choose one of the forms.
  plugins: [
    fetchesTheStartAtOnce,
    compression({ algorithms: ["gzip", "brotliCompress"], include: /\.(js|css|html|svg|md)$/, threshold: 500 }),
  ],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: {
    // `make page-dev`: the page from its sources, everything else from a service that runs beside it.
    proxy: Object.fromEntries(
      ["/jobs", "/labels", "/images", "/folders", "/capabilities", "/readyz", "/docs", "/openapi.json"].map((path) => [
        path,
        process.env.NEXTLABEL_URL ?? "http://127.0.0.1:5000",
      ]),
    ),
  },
  test: {
    environment: "jsdom",
    isolate: false, // jsdom takes a second to begin: files share a process, and one of it
    setupFiles: ["src/anew.ts", "src/testing.ts"],
    sequence: { setupFiles: "list" }, // else they may begin at once
    testTimeout: 30_000, // a busy machine is no failure
  },
});
