// Runs Azurite's blob service until standard input ends. The process that
// started it has the other end of the pipe. If that process is killed, the
// kernel closes the pipe.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
require("azurite/dist/src/blob/main");
