package web_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"coremachine/internal/coremachine"
	"coremachine/internal/state"
	"coremachine/internal/test/pgtest/rows"
	"coremachine/internal/web"
)

// showing declares what the result of hello_world shows.
func showing(t *testing.T, show string) func(*web.Options) {
	t.Helper()

	return func(o *web.Options) {
		types := o.Types()
		if err := json.Unmarshal([]byte(show), &types[0].Show); err != nil {
			t.Fatal(err)
		}

		o.Types = func() []coremachine.JobType { return types }
	}
}

func (s *site) result(seed, result string) (path string) {
	s.t.Helper()

	id := rows.Insert(s.t, s.pool, rows.Job{Seed: seed, Status: state.JobCompleted, Result: result})

	return "/jobs/" + id.String()
}

const imageAndTable = `[{"kind":"image","path":"preview"},{"kind":"table","path":"report"}]`

func TestResultShowsPictureAndTable(t *testing.T) {
	t.Parallel()
	s := start(t, showing(t, imageAndTable))
	path := s.result("a", `{"preview":{"container":"c","blob":"b","etag":"e","content_type":"image/png",`+
		`"width":640,"height":480,"alt":"A map"},`+
		`"report":[{"max_value":1.50,"file_name":"a"},{"file_name":"b","ok":true}]}`)
	body := s.get("/view" + path).Body

	for _, want := range []string{
		`<h2 id="h-shown-0">Preview</h2>`,
		`<img data-src="/api` + path + `/pictures/preview" alt="A map" width="640" height="480">`,
		`<h2 id="h-shown-1">Report</h2>`,
		`<th scope="col" class="n">Max value</th><th scope="col">File name</th><th scope="col">Ok</th>`,
		`<td data-label="Max value" class="n"><span>1.50</span></td>`,
		`<td data-label="Max value" class="n blank"><span></span></td>`,
		`<span>true</span>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing", want)
		}
	}

	// Without keys the browser fetches the picture itself.
	open := start(t, showing(t, imageAndTable), inline)
	path = open.result("a", `{"preview":{"blob":"b","width":1,"height":1}}`)

	if body := open.get("/ui" + path).Body; !strings.Contains(
		body, `<img src="/api`+path+`/pictures/preview" alt="Preview" width="1" height="1">`) {
		t.Error("the page without keys has no picture")
	}
}

func TestObjectIsShownAsRowsOfItsMembers(t *testing.T) {
	t.Parallel()
	s := start(t, showing(t, `[{"kind":"table","path":"report"}]`))
	body := s.get("/view" + s.result("a", `{"report":{"size":[3,4],"crs":{"epsg":32633,"name":"UTM"},`+
		`"deep":{"a":{"b":{"c":1}}},"none":null,"kinds":["a","b"],"big":12345678901234567890}}`)).Body

	for name, want := range map[string]string{
		"Size": "3, 4", "Crs epsg": "32633", "Crs name": "UTM", "Deep a b": `{&#34;c&#34;:1}`, "Kinds": "a, b",
		"Big": "12345678901234567890",
	} {
		row := `<span>` + name + `</span></td><td data-label="Value"`

		_, rest, found := strings.Cut(body, row)
		if !found || !strings.HasPrefix(rest, ` class=""><span>`+want+`</span>`) {
			t.Errorf("no row %s with %s, aligned like the text of other rows", name, want)
		}
	}
}

func TestUnfitResultShowsNothing(t *testing.T) {
	t.Parallel()
	s := start(t, showing(t, imageAndTable))

	for i, result := range []string{
		`{}`, `[]`, `"x"`, `{"preview":null,"report":null}`, `{"preview":[],"report":[]}`,
		`{"preview":"x","report":"x"}`, `{"preview":{"blob":"b"},"report":{}}`, `{"report":[1,2]}`,
		`{"preview":{"blob":"b","width":1,"height":20001}}`,
	} {
		got := s.get("/view" + s.result(strconv.Itoa(i), result))
		if got.Status != 200 || !strings.Contains(got.Body, `<div id="shown"></div>`) {
			t.Errorf("%s: status %d, or something is shown", result, got.Status)
		}
	}
}

func TestTableIsBoundedAndEscaped(t *testing.T) {
	t.Parallel()
	s := start(t, showing(t, imageAndTable))

	row, err := json.Marshal(map[string]string{"k" + hostile: hostile + strings.Repeat("ä", 1000)})
	if err != nil {
		t.Fatal(err)
	}

	many := strings.TrimSuffix(strings.Repeat(string(row)+",", 250), ",")

	body := s.get("/view" + s.result("a", `{"report":[`+many+`]}`)).Body
	if strings.Contains(body, "<script>alert") {
		t.Error("the table is not escaped")
	}

	if got := strings.Count(body, "<tr>"); got > 210 || !strings.Contains(body, "50 more rows") {
		t.Errorf("the table has %d rows, want at most 210 and the number of the others", got)
	}

	wide := map[string]int{}
	for i := range 1000 {
		wide[fmt.Sprintf("column_%d", i)] = i
	}

	if row, err = json.Marshal(wide); err != nil {
		t.Fatal(err)
	}

	body = s.get("/view" + s.result("b", `{"report":[`+string(row)+`]}`)).Body
	if got := strings.Count(body, `data-label="Column`); got != 16 {
		t.Errorf("the table has %d columns, want 16", got)
	}
}
