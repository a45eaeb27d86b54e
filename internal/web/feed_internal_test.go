package web

import (
	"net/http/httptest"
	"strings"
	"testing"

	"coremachine/internal/httpserver"
)

func TestASlowViewerGetsTheNewestOfEachPart(t *testing.T) {
	t.Parallel()

	sent := httptest.NewRecorder()
	v := viewer{out: httpserver.OpenStream(sent)}
	add := func(now shot) (got string) {
		sent.Body.Reset()
		v.add(now)

		if err := v.out.Flush(); err != nil {
			t.Fatal(err)
		}

		return sent.Body.String()
	}
	add(
		shot{
			rev: 1,
			id:  "1",
			parts: []rendered{
				{id: "a", html: []byte("a1"), rev: 1},
				{id: "b", html: []byte("b1"), rev: 1},
				{id: "c", html: []byte("c1"), rev: 1},
			},
		},
	)
	// Revisions 2 to 4 changed a twice and b once while the viewer was busy.
	got := add(
		shot{
			rev: 4,
			id:  "4",
			parts: []rendered{
				{id: "a", html: []byte("a4"), rev: 4},
				{id: "b", html: []byte("b2"), rev: 2},
				{id: "c", html: []byte("c1"), rev: 1},
			},
		},
	)
	if !strings.Contains(got, "a4") || !strings.Contains(got, "b2") || strings.Contains(got, "c1") ||
		strings.Count(got, "id: 4") != 1 {
		t.Errorf("sent %s", got)
	}

	if again := add(shot{rev: 4, id: "4"}); again != "" {
		t.Errorf("sent again: %s", again)
	}
}
