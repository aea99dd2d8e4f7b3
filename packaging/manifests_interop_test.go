// SPDX-License-Identifier: ISC

//go:build interop && linux

package packaging

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const examples = "../examples/container/"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

// documents are those of a file in YAML, by Python's library: only tests read YAML,
// which is no reason for a module.
func documents(t *testing.T, path string) (list []map[string]any) {
	t.Helper()
	c := exec.Command("/usr/bin/python3", "-c", "import json,sys,yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)")
	c.Stdin = strings.NewReader(read(t, path))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
	must(t, json.Unmarshal(out, &list))
	return list
}

// at follows names, and numbers of lists, into a document.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// words makes texts of a list.
func words(v any) (list []string) {
	l, _ := v.([]any)
	for _, e := range l {
		s, _ := e.(string)
		list = append(list, s)
	}
	return list
}

// healthCheck is the command of HEALTHCHECK in the recipe.
func healthCheck(t *testing.T) (argv []string) {
	t.Helper()
	_, after, _ := strings.Cut(read(t, examples+"Dockerfile"), "\nHEALTHCHECK ")
	line, _, _ := strings.Cut(after, "\n")
	_, command, _ := strings.Cut(line, " CMD ")
	must(t, json.Unmarshal([]byte(command), &argv))
	return argv
}

// kubernetes returns the manifest's object of a kind.
func kubernetes(t *testing.T, kind string) map[string]any {
	t.Helper()
	for _, d := range documents(t, examples+"kubernetes.yaml") {
		if d["kind"] == kind {
			return d
		}
	}
	t.Fatalf("no %s in the manifest", kind)
	return nil
}

// probeCommand is what the manifest has run in the container.
func probeCommand(t *testing.T, probe string) []string {
	t.Helper()
	argv := words(at(kubernetes(t, "Deployment"), "spec", "template", "spec", "containers", 0, probe, "exec", "command"))
	if len(argv) == 0 {
		t.Fatalf("%s has no command", probe)
	}
	return argv
}

// TestManifests compares the three with what an engine insists on, and with
// each other.
func TestManifests(t *testing.T) {
	type field struct {
		path []any
		want any
	}
	check := func(t *testing.T, v any, fields []field) {
		t.Helper()
		for _, f := range fields {
			got, err := json.Marshal(at(v, f.path...))
			must(t, err)
			want, err := json.Marshal(f.want)
			must(t, err)
			if string(got) != string(want) {
				t.Errorf("%v is %s, want %s", f.path, got, want)
			}
		}
	}
	t.Run("kubernetes", func(t *testing.T) {
		pod := at(kubernetes(t, "Deployment"), "spec", "template")
		// What the Pod Security Standard "restricted" asks for, and more.
		check(t, pod, []field{
			{[]any{"spec", "securityContext", "runAsNonRoot"}, true},
			{[]any{"spec", "securityContext", "seccompProfile", "type"}, "RuntimeDefault"},
			{[]any{"spec", "containers", 0, "securityContext", "allowPrivilegeEscalation"}, false},
			{[]any{"spec", "containers", 0, "securityContext", "readOnlyRootFilesystem"}, true},
			{[]any{"spec", "containers", 0, "securityContext", "capabilities"}, map[string]any{"drop": []string{"ALL"}}},
			{[]any{"spec", "hostNetwork"}, nil},
			{[]any{"spec", "hostPID"}, nil},
			{[]any{"spec", "volumes", 0, "configMap", "name"}, at(kubernetes(t, "ConfigMap"), "metadata", "name")},
			{[]any{"spec", "volumes", 1, "emptyDir"}, map[string]any{"medium": "Memory", "sizeLimit": "4Mi"}},
			{[]any{"metadata", "labels"}, at(kubernetes(t, "Deployment"), "spec", "selector", "matchLabels")},
			{[]any{"metadata", "labels"}, at(kubernetes(t, "Service"), "spec", "selector")},
			{[]any{"spec", "containers", 0, "ports", 0, "name"}, at(kubernetes(t, "Service"), "spec", "ports", 0, "targetPort")},
			{[]any{"spec", "containers", 0, "volumeMounts", 0, "mountPath"}, "/etc/postloop"},
			{[]any{"spec", "containers", 0, "volumeMounts", 1, "mountPath"}, "/run/postloop"},
		})
		// The map has the files of the image.
		for _, name := range []string{"postloop.toml", "table"} {
			if got, _ := at(kubernetes(t, "ConfigMap"), "data", name).(string); got != read(t, examples+name) {
				t.Errorf("%s in the ConfigMap is not examples/container/%s", name, name)
			}
		}
	})
	t.Run("compose", func(t *testing.T) {
		check(t, documents(t, examples+"compose.yaml")[0], []field{
			{[]any{"services", "postloop", "read_only"}, true},
			{[]any{"services", "postloop", "cap_drop"}, []string{"ALL"}},
			{[]any{"services", "postloop", "user"}, "65532:65532"},
			{[]any{"services", "postloop", "security_opt"}, []string{"no-new-privileges:true"}},
			{[]any{"services", "postloop", "healthcheck", "test"}, append([]string{"CMD"}, healthCheck(t)...)},
		})
	})
	t.Run("nomad", func(t *testing.T) {
		// Nothing here reads Nomad's language; these are the lines that matter.
		text := strings.Fields(read(t, examples+"postloop.nomad.hcl"))
		for _, want := range []string{
			`user = "65532:65532"`, `readonly_rootfs = true`, `cap_drop = ["all"]`, `target = "/run/postloop"`, `mode = 1023`,
		} {
			if !strings.Contains(strings.Join(text, " "), want) {
				t.Errorf("no %s", want)
			}
		}
		if o, c := strings.Count(strings.Join(text, " "), "{"), strings.Count(strings.Join(text, " "), "}"); o != c || !slices.Contains(text, "job") {
			t.Errorf("%d braces are opened and %d closed", o, c)
		}
	})
}
