package infra

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"coremachine/internal/dev/pglocal"
)

const versionsPage = "docs/reliability.md"

var (
	testedVersion = regexp.MustCompile(`(?m)^\| (\d+)\.\d+ \|`)
	createVersion = regexp.MustCompile(`(?s)postgres flexible-server create.*?--version (\d+)`)
	listedVersion = regexp.MustCompile(`\| Postgres (\d+), flexible server \|`)
)

// checkVersions compares the version of Postgres in the template and on the page
// with those that the tests ran on.
func checkVersions(w *world) (bad []string) {
	_, section, _ := strings.Cut(w.files[versionsPage], "## Versions of Postgres\n")
	section, _, _ = strings.Cut(section, "\n## ")

	var tested []string
	for _, m := range testedVersion.FindAllStringSubmatch(section, -1) {
		tested = append(tested, m[1])
	}

	if oldest := strconv.Itoa(pglocal.MinMajor); !slices.Contains(tested, oldest) || slices.Min(tested) != oldest {
		bad = append(bad, fmt.Sprintf(
			"%s: the versions are %v, and the oldest must be %s", versionsPage, tested, oldest,
		))
	}

	return append(bad, w.one("Microsoft.DBforPostgreSQL/flexibleServers", func(r *resource) (bad []string) {
		version := text(r.at("properties.version"))
		if !slices.Contains(tested, version) {
			bad = append(bad, fmt.Sprintf("%s: version %s is not one of the tested %v", r.file, version, tested))
		}

		for _, pattern := range []*regexp.Regexp{createVersion, listedVersion} {
			if m := pattern.FindStringSubmatch(w.files[deployPage]); m == nil || m[1] != version {
				bad = append(bad, fmt.Sprintf("%s: the version is %q, want %s", deployPage, m, version))
			}
		}

		return bad
	})...)
}
