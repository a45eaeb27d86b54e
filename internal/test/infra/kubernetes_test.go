package infra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"coremachine/internal/test/pgtest"
)

const manifests = "infra/kubernetes/"

// kustomization is what a folder of manifests consists of.
type kustomization struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Namespace  string
	Resources  []string
	Patches    []struct{ Path string }
}

// documents reads the YAML documents of a file.
func documents(content string) (all []map[string]any, err error) {
	decoder := yaml.NewDecoder(strings.NewReader(content))

	for {
		var d map[string]any
		if err := decoder.Decode(&d); err != nil {
			if err.Error() == "EOF" {
				return all, nil
			}

			return nil, err
		}

		all = append(all, d)
	}
}

// objects returns the manifests of a folder by kind, with its patches applied, as
// kubectl apply --kustomize would send them.
func objects(files map[string]string, folder string) (map[string]map[string]any, error) {
	var k kustomization

	decoder := yaml.NewDecoder(strings.NewReader(files[manifests+folder+"/kustomization.yaml"]))
	decoder.KnownFields(true)

	if err := decoder.Decode(&k); err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}

	all := map[string]map[string]any{}

	for _, name := range k.Resources {
		if !strings.HasSuffix(name, ".yaml") {
			base, err := objects(files, path.Join(folder, name))
			if err != nil {
				return nil, err
			}

			maps.Copy(all, base)

			continue
		}

		found, err := documents(files[manifests+folder+"/"+name])
		if err != nil || len(found) == 0 {
			return nil, fmt.Errorf("%s/%s: %d documents, %w", folder, name, len(found), err)
		}

		for _, d := range found {
			all[text(d["kind"])] = d
		}
	}

	for _, p := range k.Patches {
		found, err := documents(files[manifests+folder+"/"+p.Path])
		if err != nil || len(found) != 1 || all[text(found[0]["kind"])] == nil {
			return nil, fmt.Errorf("%s/%s patches nothing: %w", folder, p.Path, err)
		}

		kind := text(found[0]["kind"])
		all[kind], _ = merge(all[kind], found[0]).(map[string]any)
	}

	return all, nil
}

// merge applies a strategic merge patch: objects are merged, and so are the items
// of lists that have the same name.
func merge(into, patch any) any {
	switch patch := patch.(type) {
	case map[string]any:
		old, _ := into.(map[string]any)

		all := maps.Clone(old)
		if all == nil {
			all = map[string]any{}
		}

		for key, value := range patch {
			all[key] = merge(all[key], value)
		}

		return all
	case []any:
		old, _ := into.([]any)

		all := slices.Clone(old)

		for _, item := range patch {
			name := at(item, "name")

			i := slices.IndexFunc(all, func(o any) bool { return name != nil && at(o, "name") == name })
			if i < 0 {
				all = append(all, item)
			} else {
				all[i] = merge(all[i], item)
			}
		}

		return all
	}

	return patch
}

// manifestFindings validates the manifests of both folders and compares them with
// the code.
func manifestFindings(files map[string]string) (bad []string) {
	for _, folder := range []string{"servicebus", "postgres"} {
		all, err := objects(files, folder)
		if err != nil {
			bad = append(bad, err.Error())
			continue
		}

		for kind, object := range all {
			if err := validate(object); err != nil {
				bad = append(bad, fmt.Sprintf("%s: %s: %v", folder, kind, err))
			}
		}

		bad = append(bad, checkPod(files, folder, all)...)
		bad = append(bad, checkTriggers(folder, all)...)
	}

	return bad
}

// schemas are the schemas of testdata/kubernetes.json by version and kind.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	content, err := os.ReadFile("testdata/kubernetes.json")
	if err != nil {
		return nil, err
	}

	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}

	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("kubernetes.json", document); err != nil {
		return nil, err
	}

	all := map[string]*jsonschema.Schema{}
	kinds, _ := at(document, "kinds").(map[string]any)

	for kind := range kinds {
		pointer := strings.NewReplacer("~", "~0", "/", "~1", " ", "%20").Replace(kind)

		all[kind], err = compiler.Compile("kubernetes.json#/kinds/" + pointer)
		if err != nil {
			return nil, err
		}
	}

	return all, nil
})

// validate checks an object against the schema of its kind.
func validate(object map[string]any) error {
	all, err := schemas()
	if err != nil {
		return err
	}

	kind := fmt.Sprintf("%v %v", object["apiVersion"], object["kind"])

	schema, known := all[kind]
	if !known {
		return fmt.Errorf("there is no schema of %s", kind)
	}

	plain, err := json.Marshal(object)
	if err != nil {
		return err
	}

	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(plain)))
	if err != nil {
		return err
	}

	return schema.Validate(value)
}

func TestManifestsAreValid(t *testing.T) {
	t.Parallel()

	for _, f := range manifestFindings(repository(t)) {
		t.Error(f)
	}
}

func TestPlantedManifestMistakesAreFound(t *testing.T) {
	t.Parallel()

	files := repository(t)

	for _, m := range []mistake{
		{"misspelt field", "base/deployment.yaml", "livenessProbe:", "livelinessProbe:", "livelinessProbe"},
		{
			"text for a number", "base/deployment.yaml",
			"failureThreshold: 30",
			"failureThreshold: many",
			"failureThreshold",
		},
		{
			"no selector", "base/deployment.yaml",
			"  selector:\n    matchLabels:\n      app.kubernetes.io/name: coremachine\n",
			"",
			"selector",
		},
		{
			"short time to stop", "base/deployment.yaml",
			"PeriodSeconds: 150",
			"PeriodSeconds: 30",
			"30 s to stop",
		},
		{
			"another port", "base/deployment.yaml",
			"containerPort: 8081",
			"containerPort: 8080",
			"the port of the probes",
		},
		{
			"writable root", "base/deployment.yaml",
			"readOnlyRootFilesystem: true",
			"readOnlyRootFilesystem: false",
			"readOnlyRoot",
		},
		{"another user", "base/deployment.yaml", "runAsUser: 65532", "runAsUser: 1000", "another user"},
		{
			"unknown setting", "servicebus/settings.yaml",
			"DATABASE_ENTRA",
			"DATABASE_ENTRY",
			"nothing reads DATABASE_ENTRY",
		},
		{
			"no sign-in", "servicebus/settings.yaml",
			"  AZURE_TOKEN_CREDENTIALS: WorkloadIdentityCredential\n",
			"",
			"workload identity",
		},
		{
			"misspelt queue", "servicebus/scale.yaml",
			"queueName: long-tasks",
			"queueName: long_tasks",
			"nothing scales by queue long-tasks",
		},
		{
			"number for KEDA", "servicebus/scale.yaml",
			`messageCount: "64"`,
			"messageCount: 64",
			"messageCount",
		},
		{"misspelt trigger", "postgres/scale.yaml", "type: postgresql", "type: postgres", "type"},
		{
			"key in the settings", "postgres/settings.yaml",
			"  TRANSPORT: postgres\n",
			"  TRANSPORT: postgres\n  API_KEYS: 0123456789abcdef\n",
			"API_KEYS is a secret",
		},
		{
			"password in the settings", "servicebus/settings.yaml",
			"host=psql-core.postgres.database.azure.com port=5432 dbname=core user=id-core sslmode=verify-full",
			"postgres://core:secret@psql-core.postgres.database.azure.com/core",
			"DATABASE_URL is a secret",
		},
		{
			"memory limit above the container", "base/deployment.yaml",
			"value: 800MiB",
			"value: 8000MiB",
			"GOMEMLIMIT 8000MiB",
		},
		{
			"scale to zero", "postgres/scale.yaml",
			"minReplicaCount: 1",
			"minReplicaCount: 0",
			"nothing sweeps",
		},
	} {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			t.Parallel()

			changed := maps.Clone(files)

			changed[manifests+m.file] = strings.Replace(files[manifests+m.file], m.from, m.to, 1)
			if changed[manifests+m.file] == files[manifests+m.file] {
				t.Fatalf("%s does not contain %q", m.file, m.from)
			}

			found := manifestFindings(changed)
			if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, m.want) }) {
				t.Errorf("no finding contains %q: %q", m.want, found)
			}
		})
	}
}

var spaces = regexp.MustCompile(`\s+`)

// TestScaleQueryUsesTheIndex runs the query of KEDA on a migrated schema.
func TestScaleQueryUsesTheIndex(t *testing.T) {
	t.Parallel()

	all, err := objects(repository(t), "postgres")
	if err != nil {
		t.Fatal(err)
	}

	triggers, _ := at(all["ScaledObject"], "spec.triggers").([]any)
	query := spaces.ReplaceAllString(text(at(triggers[0], "metadata.query")), " ")
	pool := pgtest.Schema(t)

	var due int
	if err := pool.QueryRow(t.Context(), query).Scan(&due); err != nil || due != 0 {
		t.Fatalf("%s: %d, %v", query, due, err)
	}

	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()

	if _, err := tx.Exec(t.Context(), "set local enable_seqscan = off"); err != nil {
		t.Fatal(err)
	}

	rows, err := tx.Query(t.Context(), "explain "+query)
	if err != nil {
		t.Fatal(err)
	}

	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || !strings.Contains(strings.Join(plan, "\n"), "messages_ready") {
		t.Errorf("the plan does not use messages_ready: %v\n%s", err, strings.Join(plan, "\n"))
	}
}
