package needs

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// GDAL returns the interpreter of Python that has GDAL and numpy: that of the
// distribution, if there is one. Without GDAL, it ends the test as Program does.
func GDAL(t testing.TB) (python string) {
	t.Helper()

	const distribution = "/usr/bin/python3"

	path, err := exec.LookPath(distribution)
	if err != nil {
		path, err = exec.LookPath("python3")
	}

	if err == nil {
		err = exec.CommandContext(t.Context(), path, "-c", "import numpy, osgeo.gdal, osgeo_utils").Run()
	}

	Program(t, "GDAL for Python", err)

	return path
}

// Judge runs testdata/judge.py of the package on a folder. The script must say
// that it judged this number of files, and nothing else.
func Judge(t testing.TB, python, dir string, files int) {
	t.Helper()

	out, err := exec.CommandContext(t.Context(), python, "testdata/judge.py", dir).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprintf("judged %d", files) {
		t.Errorf("%v\n%s", err, out)
	}
}
