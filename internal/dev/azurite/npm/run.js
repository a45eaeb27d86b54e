// Runs Azurite's blob service until standard input ends: whoever started it holds the other end, and the kernel closes that
// also when its holder is killed.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
require("azurite/dist/src/blob/main");
