package infra

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"coremachine/internal/dev/sbfake"
	"coremachine/internal/funchost"
	"coremachine/internal/state"
)

const deployPage = "docs/deploy.md"

var (
	pageSetting  = regexp.MustCompile(`(?m)^  "(\w+)=(.*?)" ?\\?$`)
	pageAssign   = regexp.MustCompile(`assign "([^"]+)" "\$\(az (\w+ \w+)`)
	pageRole     = regexp.MustCompile(`--role (?:"([^"]+)"|(\w+))`)
	pageDisabled = regexp.MustCompile(`AzureWebJobs\.(\w+)\.Disabled`)
	pageQueues   = regexp.MustCompile(`for queue in (.*); do`)
	pageFlag     = regexp.MustCompile(`(--[\w-]+)[ =](\S+)`)
	pageCount    = regexp.MustCompile(`--maximum-instance-count \d+`)
)

// pageRoles are the roles that the page assigns with az to the identity of the app,
// with the resource to which each is limited.
var pageRoles = map[string]string{
	"Storage Blob Data Owner": "storage account", "Azure Service Bus Data Owner": "servicebus queue",
}

// pipelineRoles are those of the pipeline: to read the deployments of the
// subscription, and to deploy to the resource group.
var pipelineRoles = []string{"Reader", "Contributor"}

// checkPages compares what the pages do with az with the templates.
func checkPages(w *world) (bad []string) {
	page := script(w.files[deployPage])

	report := func(format string, args ...any) {
		bad = append(bad, deployPage+": "+fmt.Sprintf(format, args...))
	}

	for _, m := range pageAssign.FindAllStringSubmatch(page, -1) {
		if pageRoles[m[1]] != m[2] {
			report("role %q is not needed for a %s", m[1], m[2])
		}
	}

	var names []string
	for _, q := range state.Queues {
		names = append(names, q.String())
	}

	if m := pageQueues.FindStringSubmatch(page); m == nil || !equalSets(strings.Fields(m[1]), names) {
		report("the queues are %q, want %q", m, names)
	}

	flags := map[string]string{}
	for _, m := range pageFlag.FindAllStringSubmatch(page, -1) {
		flags[m[1]] = m[2]
	}

	for name, want := range map[string]string{
		"--lock-duration":                               "PT1M",
		"--max-delivery-count":                          strconv.Itoa(sbfake.DefaultMaxDeliveries),
		"--duplicate-detection-history-time-window":     "PT10M",
		"--enable-duplicate-detection":                  "true",
		"--enable-dead-lettering-on-message-expiration": "true",
		"--disable-local-auth":                          "true",
		"--runtime-version":                             "1.0",
		"--password-auth":                               "Disabled",
	} {
		if flags[name] != want {
			report("%s is %s, want %s", name, flags[name], want)
		}
	}

	_, count, _ := strings.Cut(pageCount.FindString(page), " ")
	if want := strconv.Itoa(w.instances()); count != want {
		report("%s instances, want %s, as the template computes them", count, want)
	}

	bad = append(bad, w.checkPageSettings(page)...)

	return append(bad, w.checkEveryPage()...)
}

// instances is the maximum number of instances of the first set of parameters.
func (w *world) instances() int {
	for _, r := range w.sets[0].resources {
		if r.typ == "Microsoft.Web/sites" {
			return number(r.at("properties.functionAppConfig.scaleAndConcurrency.maximumInstanceCount"))
		}
	}

	return 0
}

// asInTemplates replaces the variables of the page with what the evaluated
// templates contain.
var asInTemplates = strings.NewReplacer(
	"$DATABASE_HOST", "<postgres.properties.fullyQualifiedDomainName>", "$DATABASE_NAME", "core",
	"$IDENTITY_NAME", "id-core-abcdefghijklm", "$CLIENT_ID", "<identity.properties.clientId>",
	"$STORAGE_ACCOUNT", "stcoreabcdefghijklm", "$SERVICE_BUS", "sb-core-abcdefghijklm",
)

// checkPageSettings compares the settings of az with those of the templates, except
// those of Application Insights, which az functionapp create sets.
func (w *world) checkPageSettings(page string) (bad []string) {
	want := maps.Clone(appSettings(w.sets[0]))
	maps.DeleteFunc(want, func(name string, _ any) bool { return strings.HasPrefix(name, "APPLICATIONINSIGHTS_") })

	for _, m := range pageSetting.FindAllStringSubmatch(page, -1) {
		value, known := want[m[1]]
		if got := asInTemplates.Replace(m[2]); !known || got != text(value) {
			bad = append(bad, fmt.Sprintf("%s: %s is %s, and in app.bicep %v", deployPage, m[1], m[2], value))
		}

		delete(want, m[1])
	}

	for name := range want {
		bad = append(bad, fmt.Sprintf("%s: %s is missing", deployPage, name))
	}

	return bad
}

// disabledIn returns the functions that a page disables, and rolesIn the roles that
// its commands assign.
var (
	disabledIn = cached(func(page string) [][]string { return pageDisabled.FindAllStringSubmatch(page, -1) })
	rolesIn    = cached(func(page string) [][]string { return pageRole.FindAllStringSubmatch(script(page), -1) })
)

// checkEveryPage looks at the roles and functions that the pages name.
func (w *world) checkEveryPage() (bad []string) {
	var functions []string
	for _, f := range funchost.Functions {
		functions = append(functions, f.Name)
	}

	for name, content := range w.files {
		if !strings.HasPrefix(name, "docs/") {
			continue
		}

		for _, m := range disabledIn(content) {
			if !slices.Contains(functions, m[1]) {
				bad = append(bad, fmt.Sprintf("%s: no function %q", name, m[1]))
			}
		}

		for _, m := range rolesIn(content) {
			if role := m[1] + m[2]; role != "$1" && !slices.Contains(pipelineRoles, role) {
				bad = append(bad, fmt.Sprintf("%s: role %q is not needed", name, role))
			}
		}
	}

	return bad
}

func equalSets(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
