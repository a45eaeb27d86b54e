// Package infra checks what deploys the app: the Bicep templates in infra, the
// hooks of azure.yaml, the Kubernetes manifests, the deployment workflow, and
// the commands of docs/deploy.md. Nothing here reaches Azure, and the templates
// are not compiled: the package reads the subset of Bicep that they use,
// evaluates them with several parameters, and compares the resources with the
// code. A template that passes can still be refused by Azure.
//
// It owns no state, so crashes, duplicates and reordering do not matter. It
// contains only tests, and may import everything.
package infra
