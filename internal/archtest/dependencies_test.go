package archtest

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestDependenciesHaveARecord holds docs/adr/dependencies to the imports: the title of each record is a module's path.
func TestDependenciesHaveARecord(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	records := texts(t, func(path string) bool {
		return filepath.Dir(path) == filepath.Join("docs", "adr", "dependencies")
	})
	for _, r := range records {
		title, _, _ := strings.Cut(r.content, "\n")
		used[strings.TrimPrefix(title, "# ")] = false
	}
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Errorf("%s: %v", s.path, err)
				continue
			}
			host, _, _ := strings.Cut(path, "/")
			if !strings.Contains(host, ".") {
				continue
			}
			if module, found := recorded(used, path); found {
				used[module] = true
			} else {
				t.Errorf("%s: no record in docs/adr/dependencies says why %s is imported", s.path, path)
			}
		}
	}
	for module, is := range used {
		if !is {
			t.Errorf("docs/adr/dependencies: nothing imports %s", module)
		}
	}
}

func recorded(modules map[string]bool, path string) (string, bool) {
	for module := range modules {
		if path == module || strings.HasPrefix(path, module+"/") {
			return module, true
		}
	}
	return "", false
}
