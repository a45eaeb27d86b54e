package web

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	remark = regexp.MustCompile(`(?s)/\*.*?\*/`)
	spaced = regexp.MustCompile(`[{;]\s*((?:padding|margin|gap|row-gap|column-gap|grid-gap)[a-z-]*):([^;}]*)`)
	sized  = regexp.MustCompile(`[{;]\s*font(?:-size)?:([^;}]*)`)
	pixels = regexp.MustCompile(`(-?[0-9.]+)px`)
)

// A browser test measures how many sizes a page shows. This test prevents a
// fourth size for a state that no page had in the browser test.
func TestTextHasThreeSizes(t *testing.T) {
	t.Parallel()

	seen := map[string]bool{}

	for _, found := range sized.FindAllStringSubmatch(styles(t), -1) {
		if px := pixels.FindStringSubmatch(found[1]); px != nil {
			seen[px[1]] = true
		} else if strings.TrimSpace(found[1]) != "inherit" {
			t.Errorf("a size is neither in pixels nor inherited: %s", found[0])
		}
	}

	delete(seen, "24") // size in a drawing that is shown at half its size

	for _, px := range []string{"12", "14", "20"} {
		if !seen[px] {
			t.Errorf("no text has %s pixels", px)
		}

		delete(seen, px)
	}

	if len(seen) > 0 {
		t.Errorf("there are sizes other than 12, 14 and 20: %v", seen)
	}
}

// A margin of -1 makes the borders of adjacent cells overlap.
func TestSpacesAreMultiplesOfFour(t *testing.T) {
	t.Parallel()

	found := spaced.FindAllStringSubmatch(styles(t), -1)
	if len(found) < 100 {
		t.Fatalf("only %d spaces were found", len(found))
	}

	for _, f := range found {
		for _, px := range pixels.FindAllStringSubmatch(f[2], -1) {
			if n, err := strconv.ParseFloat(px[1], 64); err != nil || int(n*1000)%4000 != 0 && n != -1 {
				t.Errorf("off the grid of 4 pixels: %s:%s", f[1], f[2])
			}
		}
	}
}

// The list of jobs on a phone arranges cells by their labels.
func TestStylesNameLabelsOfTheListOfJobs(t *testing.T) {
	t.Parallel()

	page, err := templates.ReadFile("templates/jobs.html")
	if err != nil {
		t.Fatal(err)
	}

	found := regexp.MustCompile(`\.jobs \[(data-label="[^"]+")\]`).FindAllStringSubmatch(styles(t), -1)
	if len(found) < 3 {
		t.Fatalf("only %d labels were found", len(found))
	}

	for _, f := range found {
		if !strings.Contains(string(page), f[1]) {
			t.Errorf("the list of jobs has no cell with %s", f[1])
		}
	}
}

// All pages have the styles of the reference of the API.
func TestStylesOfTheReferenceStayThere(t *testing.T) {
	t.Parallel()

	form, err := templates.ReadFile("templates/type.html")
	if err != nil {
		t.Fatal(err)
	}

	sheet, err := static.ReadFile("static/docs.css")
	if err != nil {
		t.Fatal(err)
	}

	for _, f := range regexp.MustCompile(`(?m)^\.([a-z-]+)[^{]*\{`).FindAllSubmatch(sheet, -1) {
		if strings.Contains(string(form), `class="`+string(f[1])) && string(f[1]) != "command" {
			t.Errorf("docs.css has a style of .%s, which the form of a job type uses too", f[1])
		}
	}
}

// styles returns the CSS that pages are served, without comments.
func styles(t *testing.T) string {
	t.Helper()
	return remark.ReplaceAllString(string(newAssets().files["ui.css"].content), "")
}
