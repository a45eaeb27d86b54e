package infra

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v4"

	"coremachine/internal/funchost"
)

var bashBlock = regexp.MustCompile("(?ms)^```bash\n(.*?)^```$")

// script returns the commands of a page, of a shell script, or of the steps of a
// workflow, in order.
var script = cached(func(page string) string {
	if strings.HasPrefix(page, "#!") {
		return page
	}

	var b strings.Builder

	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Run       string
				Directory string `yaml:"working-directory"`
			}
		}
	}
	if yaml.Unmarshal([]byte(page), &workflow) == nil {
		for _, step := range workflow.Jobs["deploy"].Steps {
			fmt.Fprintf(&b, "(cd %s\n%s\n)\n", cmp.Or(step.Directory, "."), step.Run)
		}
	}

	for _, m := range bashBlock.FindAllStringSubmatch(page, -1) {
		b.WriteString(m[1] + "\n")
	}

	return b.String()
})

// runs has the calls of each script, which several tests look at.
var runs sync.Map // script -> func() ([]string, error)

// runFakes runs a script in a copy of the files that it uses, with the fakes
// instead of the programs, and returns the calls. It runs each script once.
func runFakes(t *testing.T, text string) ([]string, error) {
	t.Helper()

	run, _ := runs.LoadOrStore(text, sync.OnceValues(func() ([]string, error) { return runScript(t, text) }))

	return run.(func() ([]string, error))() //nolint:forcetypeassert // the map has no other values
}

func runScript(t *testing.T, text string) ([]string, error) {
	t.Helper()

	dir := t.TempDir()
	work := filepath.Join(dir, "clone")

	for _, folder := range []string{"infra", "function.json", ".github"} {
		if err := os.CopyFS(filepath.Join(work, folder), os.DirFS(filepath.Join(root, folder))); err != nil {
			t.Fatal(err)
		}
	}

	if err := os.WriteFile(filepath.Join(work, "host.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}

	f := startFakes(t, filepath.Join(dir, "bin"))

	run := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", text)
	run.Dir = work
	run.Env = []string{"PATH=" + f.bin + ":/usr/bin:/bin", "HOME=" + dir, "PREVIOUS=v0.1.0"}

	out, err := run.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}

	return f.stop(), err
}

// prelude replaces git.
const prelude = "git() { mkdir -p ../previous && cp -r . ../previous; }\n"

// pages are the pages whose commands are run, with what is set before.
var pages = map[string]string{
	"docs/deploy.md":  "",
	"docs/rollout.md": prelude + "APP_NAME=fake AZURE_RESOURCE_GROUP=fake\n",
	"docs/containers.md": "REGISTRY=fake AZURE_RESOURCE_GROUP=fake CLUSTER=fake IDENTITY_NAME=fake " +
		"DATABASE_URL=fake\n",
	".github/smoke.sh":            "APP_NAME=fake AZURE_RESOURCE_GROUP=fake APP_URL=https://fake\n",
	"infra/hooks/preprovision.sh": "",
	".github/workflows/deploy.yml": prelude + "npm() { :; }; jq() { cat; }\n" +
		"export APP_NAME=fake AZURE_RESOURCE_GROUP=fake " +
		"APP_URL=https://fake AZURE_CLIENT_ID=fake AZURE_TENANT_ID=fake COMMIT=v0.1.0 GITHUB_WORKSPACE=$PWD " +
		"DATABASE_SERVER=fake DATABASE_HOST=fake DATABASE_NAME=fake DATABASE_ADMIN_NAME=fake IDENTITY_NAME=fake " +
		"IDENTITY_PRINCIPAL_ID=fake GITHUB_ENV=/dev/null GITHUB_OUTPUT=/dev/null\n",
}

func TestDocCommandsRunAgainstFakes(t *testing.T) {
	t.Parallel()

	files := repository(t)

	for page, before := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()

			calls, err := runFakes(t, before+script(files[page]))
			if err != nil {
				t.Errorf("%v\nafter:\n%s", err, strings.Join(calls, "\n"))
			}

			if len(calls) < 3 {
				t.Errorf("%d calls: %q", len(calls), calls)
			}
		})
	}
}

// TestDocMachineIsAdmittedBeforeItSignsIn checks the order of the commands with
// az: the firewall admits this machine while psql and corectl migrate run, and only
// then, and the connection string that az functionapp create leaves is deleted.
func TestDocMachineIsAdmittedBeforeItSignsIn(t *testing.T) {
	t.Parallel()

	calls, err := runFakes(t, script(repository(t)["docs/deploy.md"]))
	if err != nil {
		t.Fatal(err)
	}

	admitted, migrated, left := false, false, 0

	for _, call := range calls {
		call = strings.ReplaceAll(call, "\x00", " ")

		switch {
		case strings.Contains(call, "firewall-rule create"):
			admitted = strings.Contains(call, "--start-ip-address 192.0.2.1 --end-ip-address 192.0.2.1")
		case strings.HasPrefix(call, "psql ") || strings.Contains(call, "corectl migrate"):
			migrated = true

			if !admitted {
				t.Errorf("the firewall does not admit: %s", call)
			}
		case strings.Contains(call, "functionapp create"):
			left++
		case strings.Contains(call, "--setting-names AzureWebJobsStorage"):
			left--
		}
	}

	if admitted || !migrated || left > 1 { // the page creates an app of another plan at its end
		t.Errorf("admitted %t, migrated %t, %d apps with a connection string", admitted, migrated, left)
	}
}

// TestMisspeltFlagsAreFound misspells each flag of each call that the pages make,
// and checks the call as the fake does.
func TestMisspeltFlagsAreFound(t *testing.T) {
	t.Parallel()

	files := repository(t)

	for page, before := range pages {
		calls, err := runFakes(t, before+script(files[page]))
		if err != nil {
			t.Fatal(err)
		}

		checked := 0

		for _, call := range calls {
			args := strings.Split(call, "\x00")

			commands, err := referenceOf("testdata/reference", args[0])
			if err != nil {
				continue // a program without a reference
			}

			for i, arg := range args {
				name, rest, _ := strings.Cut(arg, "=")
				if !strings.HasPrefix(name, "--") {
					continue
				}

				wrong := slices.Clone(args[1:])
				wrong[i-1] = strings.TrimSuffix(name+"x="+rest, "=")

				if err := checkCall(commands, wrong); err == nil {
					t.Errorf("%s: %sx was accepted in %q", page, name, args)
				}

				checked++
			}
		}

		if checked < 3 {
			t.Errorf("%s: %d flags", page, checked)
		}
	}
}

// TestDocMisspeltFlagFailsThePage runs a page with one misspelt flag, so that the
// fakes themselves are seen to fail.
func TestDocMisspeltFlagFailsThePage(t *testing.T) {
	t.Parallel()

	for page, flag := range map[string]string{
		"docs/deploy.md": "--admin-display-name", "docs/rollout.md": "--slot-settings",
		"docs/containers.md": "--kustomize",
	} {
		text := script(repository(t)[page])
		if !strings.Contains(text, flag) {
			t.Fatalf("%s has no %s", page, flag)
		}

		if _, err := runFakes(t, pages[page]+strings.ReplaceAll(text, flag, flag+"x")); err == nil {
			t.Errorf("%s: %sx was accepted", page, flag)
		}
	}
}

// TestPackageContainsTheFunctions lists the package that azd deploys. The fake of
// curl records the names.
func TestPackageContainsTheFunctions(t *testing.T) {
	t.Parallel()

	calls, err := runFakes(t, "infra/hooks/package.sh; for f in $(cd dist && find . -type f); do curl $f; done")
	if err != nil {
		t.Fatal(err)
	}

	want := []string{"./handler", "./host.json"}
	for _, f := range funchost.Functions {
		want = append(want, "./"+f.Name+"/function.json")
	}

	var got []string

	for _, call := range calls {
		if name, listed := strings.CutPrefix(call, "curl\x00"); listed {
			got = append(got, name)
		}
	}

	slices.Sort(got)
	slices.Sort(want)

	if !slices.Equal(got, want) {
		t.Errorf("the package contains %q, want %q", got, want)
	}
}
