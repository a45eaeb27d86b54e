package infra

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPlantedMistakesAreFound(t *testing.T) {
	t.Parallel()

	files := repository(t)

	for _, m := range slices.Concat(mistakes, moreMistakes) {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			t.Parallel()

			if !strings.Contains(files[m.file], m.from) {
				t.Fatalf("%s does not contain %q", m.file, m.from)
			}

			changed := maps.Clone(files)
			changed[m.file] = strings.Replace(files[m.file], m.from, m.to, 1)

			found := findings(changed)
			if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, m.want) }) {
				t.Errorf("no finding contains %q: %q", m.want, found)
			}
		})
	}
}

var settingLine = regexp.MustCompile(`(?m)^      ([A-Za-z_]+): .*\n`)

// TestEverySettingIsMissed removes one setting of the app after the other.
func TestEverySettingIsMissed(t *testing.T) {
	t.Parallel()

	files := repository(t)
	_, block, _ := strings.Cut(files["infra/app.bicep"], "properties: union(\n")
	block, _, _ = strings.Cut(block, "\n    },")
	lines := settingLine.FindAllStringSubmatch(block+"\n", -1)

	if len(lines) < 15 {
		t.Fatalf("found %d settings in app.bicep", len(lines))
	}

	for _, m := range lines {
		changed := maps.Clone(files)
		changed["infra/app.bicep"] = strings.Replace(files["infra/app.bicep"], m[0], "", 1)

		if found := checkSettings(newWorld(changed)); !slices.ContainsFunc(found, func(f string) bool {
			return strings.Contains(f, m[1])
		}) {
			t.Errorf("without %s: %q", m[1], found)
		}
	}
}
