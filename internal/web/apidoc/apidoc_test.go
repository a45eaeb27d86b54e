package apidoc_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"coremachine/internal/web/apidoc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const small = `
openapi: 3.0.3
info: {title: T, version: "1", description: "two\n  lines"}
servers: [{url: /api}]
tags: [{name: b, description: second}, {name: a, description: first}]
paths:
  /things/{thing_id}/{kind}:
    post:
      operationId: make
      tags: [a]
      summary: Makes
      parameters:
        - {$ref: "#/components/parameters/thing"}
        - {name: kind, in: path, required: true, schema: {type: string, enum: [x, y, z]}}
        - {name: n, in: query, description: How many, schema: {type: integer, minimum: 1, maximum: 9, default: 3}}
      requestBody: {description: A body, content: {application/json: {schema: {type: object}}}}
      responses:
        "200":
          description: Made
          headers: {Location: {description: Where}}
          content:
            application/json:
              schema:
                allOf:
                  - {$ref: "#/components/schemas/Page"}
                  - {properties: {items: {type: array, items: {$ref: "#/components/schemas/Thing"}}}}
        "204": {description: Nothing}
        "400": {description: Bad}
        "404": {description: Bad}
    get: {operationId: get, tags: [b], summary: Gets, security: [], responses: {}}
components:
  parameters:
    thing: {name: thing_id, in: path, required: true, schema: {$ref: "#/components/schemas/ID"}}
  schemas:
    ID: {type: string, pattern: "^[0-9a-f]{64}$"}
    Page: {type: object, required: [items], properties: {items: {type: array, items: {}}}}
    Thing:
      type: object
      description: A thing
      required: [id]
      properties:
        id: {$ref: "#/components/schemas/ID"}
        parts:
          type: array
          nullable: true
          items: {type: object, required: [w], properties: {w: {type: number, description: Weight}}}
        counts: {type: object, additionalProperties: {type: integer}}
    More: {allOf: [{$ref: "#/components/schemas/Thing"}, {type: object, properties: {extra: {type: string}}}]}
`

func TestReadReturnsTheContentOfAPage(t *testing.T) {
	t.Parallel()

	doc, err := apidoc.Read([]byte(small))
	if err != nil {
		t.Fatal(err)
	}

	if doc.Title != "T" || doc.Text != "two lines" || doc.Groups[0].Name != "b" ||
		doc.Groups[1].Text != "first" {
		t.Errorf("the description is %+v", doc)
	}

	if get := doc.Groups[0].Operations[0]; !get.Open || get.Method != http.MethodGet ||
		get.Path != "/api/things/{thing_id}/{kind}" {
		t.Errorf("get is %+v", get)
	}

	op := doc.Groups[1].Operations[0]
	if op.ID != "make" || op.Open || !op.SendsJSON || op.BodyText != "A body" ||
		op.Example != "/api/things/$JOB/y" {
		t.Errorf("make is %+v", op)
	}

	said := []string{}
	for _, p := range op.Parameters {
		said = append(said, p.In+" "+p.Name+": "+p.Type.String())
	}

	for _, a := range op.Answers {
		said = append(said, a.Status+" "+a.Media+" "+a.Type.String())
	}

	want := []string{
		"path thing_id: ID", "path kind: x | y | z", "query n: integer, from 1, to 9, usually 3",
		"200 application/json Page of Thing", "204  ", "400, 404  ",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}

	said = said[:0]

	for _, s := range doc.Shapes {
		for _, f := range s.Fields {
			said = append(said, s.Name+"."+f.Name+": "+f.Type.String())
		}
	}

	want = []string{
		"Page.items: list of any value",
		"Thing.id: ID",
		"Thing.parts: list of object or null",
		"Thing.parts[].w: number",
		"Thing.counts: object of integer",
		"More.extra: string",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

func TestReadRejectsUnsupportedDescriptions(t *testing.T) {
	t.Parallel()

	for name, change := range map[string][2]string{
		"no value at #/components/schemas/Nope": {
			`{$ref: "#/components/schemas/Thing"}}`,
			`{$ref: "#/components/schemas/Nope"}}`,
		},
		"the keyword oneOf is not shown": {"{type: number, description: Weight}", "{oneOf: []}"},
		"has no tag that is described":   {"tags: [a]", "tags: [c]"},
		"not YAML":                       {"openapi: 3.0.3", "openapi: [3"},
	} {
		_, err := apidoc.Read([]byte(strings.Replace(small, change[0], change[1], 1)))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}
