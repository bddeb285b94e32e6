// Package deploy has no code: its tests check the files of this folder against the schemas of what reads them.
package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// definitions are the schemas of testdata by the apiVersion and kind of a document.
var definitions = map[string]string{
	"apps/v1 Deployment":                     "kubernetes.json#/$defs/io.k8s.api.apps.v1.Deployment",
	"autoscaling/v2 HorizontalPodAutoscaler": "kubernetes.json#/$defs/io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
	"batch/v1 Job":                           "kubernetes.json#/$defs/io.k8s.api.batch.v1.Job",
	"policy/v1 PodDisruptionBudget":          "kubernetes.json#/$defs/io.k8s.api.policy.v1.PodDisruptionBudget",
	"v1 Service":                             "kubernetes.json#/$defs/io.k8s.api.core.v1.Service",
	"kubeflow.org/v2beta1 MPIJob":            "mpijob.json",
}

// schemas compiles the definitions.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	for _, name := range []string{"kubernetes.json", "mpijob.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		closeObjects(schema)
		require.NoError(t, c.AddResource(name, schema))
	}
	compiled := map[string]*jsonschema.Schema{}
	for kind, location := range definitions {
		var err error
		compiled[kind], err = c.Compile(location)
		require.NoError(t, err)
	}
	return compiled
}

// closeObjects makes unknown keys errors, as the API server does with strict field validation.
func closeObjects(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		_, has := s["properties"]
		_, set := s["additionalProperties"]
		if has && !set && s["x-kubernetes-preserve-unknown-fields"] != true {
			s["additionalProperties"] = false
		}
		for _, v := range s {
			closeObjects(v)
		}
	case []any:
		for _, v := range s {
			closeObjects(v)
		}
	}
}

// check returns an error for the first document of a YAML stream that does not have the schema of its kind.
func check(schemas map[string]*jsonschema.Schema, text []byte) error {
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var document map[string]any
		if err := d.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		kind := fmt.Sprint(document["apiVersion"], " ", document["kind"])
		schema := schemas[kind]
		if schema == nil {
			return fmt.Errorf("no schema for %s", kind)
		}
		if err := schema.Validate(document); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
}

func TestKubernetes(t *testing.T) {
	schemas := schemas(t)
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, check(schemas, text), name)
	}
}

// TestSchemasRefuse: what the API server would refuse is refused here.
func TestSchemasRefuse(t *testing.T) {
	schemas := schemas(t)
	for name, c := range map[string]struct{ file, old, new, want string }{
		"unknown key":          {"kubernetes.yaml", "  replicas: 2", "  replica: 2", "replica"},
		"unknown key, deeper":  {"kubernetes.yaml", "runAsNonRoot:", "runAsNotRoot:", "runAsNotRoot"},
		"wrong type":           {"kubernetes.yaml", "  replicas: 2", "  replicas: two", "replicas"},
		"missing key":          {"kubernetes.yaml", "        - name: scalenet\n          image", "        - image", "missing property 'name'"},
		"another version":      {"eval-job.yaml", "batch/v1", "batch/v1beta1", "no schema for batch/v1beta1 Job"},
		"unknown key, MPIJob":  {"mpijob.yaml", "mpiReplicaSpecs:", "replicaSpecs:", "replicaSpecs"},
		"no YAML":              {"eval-job.yaml", "kind: Job", "kind: [Job", "yaml"},
		"unknown kind, MPIJob": {"mpijob.yaml", "kind: MPIJob", "kind: MPIJobs", "no schema for kubeflow.org/v2beta1 MPIJobs"},
	} {
		text, err := os.ReadFile(c.file)
		require.NoError(t, err)
		require.Contains(t, string(text), c.old, name)
		text = []byte(strings.Replace(string(text), c.old, c.new, 1))
		require.ErrorContains(t, check(schemas, text), c.want, name)
	}
}

// Open MPI kills processes that it has told to stop. The default of a second is too short to finish a step and to save.
func TestTimeToSave(t *testing.T) {
	files, err := filepath.Glob("*.*")
	require.NoError(t, err)
	calls := 0
	for _, name := range files {
		if strings.HasSuffix(name, ".go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "mpirun -") {
				require.Contains(t, line, "--mca odls_base_sigkill_timeout 60 ", name)
				calls++
			}
		}
	}
	require.Positive(t, calls)
}

func TestScripts(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	files, err := filepath.Glob("*.sh")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		out, err := exec.Command(shell, "-n", name).CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}
}
