package release

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const root = "../../.."

var (
	releaseSystems  = regexp.MustCompile(`goos: \[(.+)\]`)
	releaseCommands = regexp.MustCompile(`main: (\S+)`)
)

var build = flag.Bool("release.build", false, "build for each system; it compiles all dependencies for each")

// TestReleaseTargetsBuild reads which commands .goreleaser.yaml releases on which
// systems. With -release.build, as in make cross, it builds each for one
// processor.
func TestReleaseTargetsBuild(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	release := string(content)

	systems := releaseSystems.FindAllStringSubmatch(release, -1)
	if len(systems) != 1 {
		t.Fatalf("found %d lists of systems, want one for all commands", len(systems))
	}

	args := []string{"build", "-trimpath", "-o", t.TempDir() + string(filepath.Separator)}
	for _, m := range releaseCommands.FindAllStringSubmatch(release, -1) {
		args = append(args, m[1])
	}

	if len(args) < 6 {
		t.Fatalf("found the commands %q, want handler and corectl", args[4:])
	}

	if !*build {
		return
	}

	for system := range strings.SplitSeq(systems[0][1], ",") {
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = root

		command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=amd64", "GOOS="+strings.TrimSpace(system))

		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", system, err, out)
		}
	}
}
