package release

import (
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

// TestReleaseTargetsBuild builds the commands of a release for each operating
// system that .goreleaser.yaml names, for one processor. The first run compiles
// all dependencies, which takes a minute or two for each system.
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

	for system := range strings.SplitSeq(systems[0][1], ",") {
		build := exec.CommandContext(t.Context(), "go", args...)
		build.Dir = root

		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=amd64", "GOOS="+strings.TrimSpace(system))

		if out, err := build.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", system, err, out)
		}
	}
}
