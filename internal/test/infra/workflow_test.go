package infra

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

const (
	workflowFile = ".github/workflows/deploy.yml"
	rolloutPage  = "docs/rollout.md"
)

// deployment workflow, as far as GitHub and Azure depend on it.
type workflow struct {
	On struct {
		Dispatch struct {
			Inputs map[string]struct{ Options []string }
		} `yaml:"workflow_dispatch"`
	}
	Permissions map[string]string
	Jobs        map[string]struct {
		Environment string
		Steps       []workflowStep
	}
}

type workflowStep struct {
	ID, Name, If, Run string
}

var (
	inputName = regexp.MustCompile(`inputs\.(\w+)`)
	toolName  = regexp.MustCompile(`inputs\.tool == '(\w+)'`)
	stepName  = regexp.MustCompile(`steps\.(\w+)\.`)
	varName   = regexp.MustCompile(`vars\.(\w+)`)
)

// checkWorkflow compares the names that deploy.yml uses with what it declares, and
// its variables and its federated credential with docs/rollout.md.
func checkWorkflow(w *world) (bad []string) {
	report := func(format string, args ...any) { bad = append(bad, "deploy.yml: "+fmt.Sprintf(format, args...)) }

	var flow workflow

	content, page := w.files[workflowFile], w.files[rolloutPage]
	if err := yaml.Unmarshal([]byte(content), &flow); err != nil {
		return []string{"deploy.yml: " + err.Error()}
	}

	job := flow.Jobs["deploy"]
	inputs := flow.On.Dispatch.Inputs

	if flow.Permissions["id-token"] != "write" {
		report("id-token: write is missing: there is no federated sign-in without it")
	}

	if strings.Contains(content, "secrets.") || strings.Contains(content, "client-secret") {
		report("secrets. are not needed")
	}

	if job.Environment != "${{ inputs.environment }}" {
		report("the job has the environment %q: the credential does not admit it", job.Environment)
	}

	for _, m := range inputName.FindAllStringSubmatch(content, -1) {
		if _, declared := inputs[m[1]]; !declared {
			report("no input %q", m[1])
		}
	}

	for _, m := range toolName.FindAllStringSubmatch(content, -1) {
		if !slices.Contains(inputs["tool"].Options, m[1]) {
			report("no option %q of the tool", m[1])
		}
	}

	for _, m := range stepName.FindAllStringSubmatch(content, -1) {
		if !slices.ContainsFunc(job.Steps, func(s workflowStep) bool { return s.ID == m[1] }) {
			report("no step %q", m[1])
		}
	}

	for _, m := range varName.FindAllStringSubmatch(content, -1) {
		if !strings.Contains(page, "`"+m[1]+"`") {
			bad = append(bad, fmt.Sprintf("%s: %s is a variable that the page does not name", rolloutPage, m[1]))
		}
	}

	if !strings.Contains(page, `"subject":"repo:%s:environment:%s"`) {
		bad = append(bad, rolloutPage+": the credential is not that of the environment of the job")
	}

	return append(bad, checkSteps(job.Steps)...)
}

// checkSteps looks at the order of the steps, and when the last one runs.
func checkSteps(steps []workflowStep) (bad []string) {
	position := func(name string) int {
		return slices.IndexFunc(steps, func(s workflowStep) bool { return s.Name == name })
	}

	before := position("Find the commit that runs now")
	for _, name := range []string{
		"Package", "Migrate", "Deploy with azd", "Deploy with func", "Verify", "Roll back",
	} {
		if at := position(name); at <= before {
			bad = append(bad, fmt.Sprintf("deploy.yml: step %q is missing or too early", name))
		} else {
			before = at
		}
	}

	last := steps[len(steps)-1]
	if last.Name != "Roll back" || !strings.Contains(last.If, "failure() && steps.verify.outcome == 'failure'") {
		bad = append(bad, "deploy.yml: the rollback does not run exactly if the verification fails")
	}

	return bad
}
