package infra

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

var fakeNames = []string{"az", "azd", "func", "psql", "kubectl", "go", "curl"}

// fakes are the programs that the commands of the documentation call. Each is a
// short script that sends its call to the test and prints the answer: a page
// makes dozens of calls, and a process with the race detector starts slowly.
type fakes struct {
	bin      string // folder of the scripts
	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	calls []string // in order, with the arguments separated by \x00
}

// fakeScript sends the name, the number of arguments, the folder, and the
// arguments. It receives the exit code and both outputs.
const fakeScript = `#!/usr/bin/env bash
exec 3<>/dev/tcp/127.0.0.1/%d || exit 70
printf '%%s\0' %s $# "$PWD" "$@" >&3
IFS= read -r -d '' code <&3 && IFS= read -r -d '' out <&3 && IFS= read -r -d '' err <&3 || exit 70
printf '%%s' "$err" >&2
printf '%%s' "$out"
exit "$code"
`

// startFakes writes the scripts into a folder and answers them.
func startFakes(t *testing.T, bin string) *fakes {
	t.Helper()

	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	f := &fakes{bin: bin, listener: l}
	f.serving.Go(f.serve)
	t.Cleanup(func() { f.stop() })

	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}

	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // the listener is TCP

	for _, name := range fakeNames {
		text := fmt.Sprintf(fakeScript, port, name)

		err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o700) //nolint:gosec // it is executed
		if err != nil {
			t.Fatal(err)
		}
	}

	return f
}

// stop stops answering, and returns the calls.
func (f *fakes) stop() []string {
	_ = f.listener.Close() // it may be closed already
	f.serving.Wait()

	return f.calls
}

func (f *fakes) serve() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return // it was closed
		}

		f.serving.Go(func() {
			defer func() { _ = conn.Close() }()

			f.answer(conn)
		})
	}
}

// answer answers one call.
func (f *fakes) answer(conn net.Conn) {
	r := bufio.NewReader(conn)
	program, count, dir := field(r), field(r), field(r)

	n, err := strconv.Atoi(count)
	if err != nil {
		return // the script reports that it has no answer
	}

	args := make([]string, n)
	for i := range args {
		args[i] = field(r)
	}

	f.mu.Lock()
	f.calls = append(f.calls, strings.Join(append([]string{program}, args...), "\x00"))
	f.mu.Unlock()

	code, out, failure := fake(program, dir, args)
	_, _ = fmt.Fprintf(conn, "%d\x00%s\x00%s\x00", code, out, failure)
}

func field(r *bufio.Reader) string {
	s, _ := r.ReadString(0)
	return strings.TrimSuffix(s, "\x00")
}

// fake checks its arguments as the program would. It returns the exit code and
// what the program prints to standard output and to standard error.
func fake(program, dir string, args []string) (code int, out, failure string) {
	if program == "go" || program == "curl" {
		return fakeTool(program, dir, args)
	}

	commands, err := referenceOf("testdata/reference", program)
	if err != nil {
		return 70, "", err.Error() + "\n"
	}

	if err := checkCall(commands, args); err != nil {
		return 2, "", fmt.Sprintf("%s: %v\n", program, err)
	}

	switch {
	case slices.Contains(args, "get-values"):
		out = strings.Join([]string{
			"AZURE_RESOURCE_GROUP", "APP_NAME", "APP_URL", "DATABASE_SERVER", "DATABASE_ADMIN_ID",
			"IDENTITY_PRINCIPAL_ID", "",
		}, "=\"fake\"\n")
	case slices.Contains(args, "tsv"):
		out = "fake\n"
	}

	return 0, out, ""
}

// fakeTool builds an empty executable, accepts the commands of corectl that exist
// in docs/cli.md, or prints an address.
func fakeTool(program, dir string, args []string) (code int, out, failure string) {
	switch {
	case program == "curl":
		return 0, "192.0.2.1", ""
	case len(args) > 2 && args[0] == "build":
		i := slices.Index(args, "-o")
		if i > 0 && os.WriteFile(filepath.Join(dir, args[i+1]), nil, 0o600) != nil {
			return 70, "", ""
		}

		return 0, "", ""
	case len(args) > 2 && args[0] == "run" && args[1] == "./cmd/corectl":
		return fakeCorectl(args[2:])
	}

	return 2, "", ""
}

func fakeCorectl(args []string) (code int, out, failure string) {
	page, err := os.ReadFile(filepath.Join(root, "docs/cli.md"))
	if err != nil {
		return 70, "", err.Error() + "\n"
	}

	words := slices.DeleteFunc(slices.Clone(args), func(s string) bool {
		return s == "--url" || strings.Contains(s, "://") || s == "fake"
	})

	_, section, found := strings.Cut(string(page), "\n## "+words[0]+"\n")
	section, _, _ = strings.Cut(section, "\n## ")

	for _, w := range words[1:] {
		if strings.HasPrefix(w, "--") && !strings.Contains(section, w+" ") {
			found = false
		}
	}

	if !found {
		return 2, "", fmt.Sprintf("corectl: docs/cli.md does not describe %q\n", words)
	}

	return 0, "", ""
}
