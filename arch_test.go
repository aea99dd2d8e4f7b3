// SPDX-License-Identifier: ISC

package postloop_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport says which packages of ours, and which third-party modules, each
// package may import. This is policy: do not change it to fix a build.
//
// A package that is not listed is refused.
var mayImport = map[string]string{
	"loop":                            "golang.org/x/sys/unix",
	"loop/looptest":                   "loop golang.org/x/sys/unix",
	"cfg":                             "github.com/BurntSushi/toml",
	"master/proto":                    "",
	"master/maillog":                  "golang.org/x/sys/unix",
	"master/ids":                      "golang.org/x/sys/unix",
	"master/activation":               "",
	"master/notify":                   "golang.org/x/sys/unix",
	"master/watchdog":                 "golang.org/x/sys/unix",
	"master/logloop":                  "loop cfg master/maillog",
	"master/names":                    "loop master/maillog golang.org/x/sys/unix",
	"master/handover":                 "cfg master/report",
	"master":                          "master/handover loop cfg master/ids master/names master/proto master/maillog golang.org/x/sys/unix master/report master/metrics master/web",
	"services/attr":                   "",
	"services/skeleton":               "loop cfg master/ids master/logloop master/maillog master/names master/proto services/attr golang.org/x/sys/unix",
	"services/skeleton/mastertest":    "master/proto golang.org/x/sys/unix",
	"services/spawn":                  "loop cfg master/ids master/maillog master/names services/skeleton golang.org/x/sys/unix",
	"services/lspawn":                 "loop master/names services/table/cdb golang.org/x/sys/unix master/maillog services/table",
	"services/lspawn/lspawntest":      "",
	"services/proxymap":               "loop cfg master/maillog master/names services/attr services/skeleton services/table golang.org/x/sys/unix",
	"services/proxymap/proxytest":     "services/attr",
	"services/table":                  "loop cfg master/maillog services/table/bdb services/table/cdb services/table/cf services/table/lmdb services/table/pcre services/table/posix services/table/wire golang.org/x/sys/unix services/table/ldapurl",
	"services/table/bdb":              "",
	"services/table/cdb":              "",
	"services/table/cf":               "cfg",
	"services/table/ldapurl":          "",
	"services/table/lmdb":             "",
	"services/table/pcre":             "",
	"services/table/posix":            "",
	"services/table/wire":             "",
	"services/table/worker":           "services/table/wire golang.org/x/sys/unix",
	"services/table/worker/http":      "master/maillog services/table/cf services/table/worker golang.org/x/sys/unix",
	"services/table/worker/sqlite":    "services/table/cf services/table/worker github.com/ncruces/go-sqlite3 github.com/ncruces/go-sqlite3/vfs",
	"cmd/table-http":                  "services/table/worker services/table/worker/http",
	"services/table/worker/hosts":     "",
	"services/table/worker/pgsql":     "master/maillog services/table/cf services/table/worker services/table/worker/hosts github.com/jackc/pgpassfile github.com/jackc/pgx/v5/pgconn github.com/jackc/pgx/v5/pgconn/ctxwatch github.com/jackc/pgx/v5/pgproto3",
	"cmd/table-pgsql":                 "services/table/worker services/table/worker/pgsql",
	"services/table/worker/ldap":      "services/table/cf services/table/ldapurl services/table/worker github.com/go-asn1-ber/asn1-ber github.com/go-ldap/ldap/v3",
	"cmd/table-ldap":                  "services/table/worker services/table/worker/ldap",
	"cmd/table-sqlite":                "services/table/worker services/table/worker/sqlite",
	"cmd/master":                      "master/handover loop cfg master master/ids master/logloop master/maillog master/activation master/notify master/watchdog master/names master/proto services/proxymap services/spawn golang.org/x/sys/unix cmd/internal/builtin",
	"cmd/spawn":                       "services/skeleton services/spawn",
	"cmd/proxymap":                    "services/proxymap services/skeleton",
	"cmd/qmail-lspawn":                "loop services/lspawn golang.org/x/sys/unix",
	"internal/dbtest":                 "",
	"packaging":                       "",
	"internal/postfix":                "",
	"cmd/internal/pftest":             "internal/postfix golang.org/x/sys/unix",
	"services/table/worker/berkeley":  "master/maillog services/table/worker services/table/worker/clib services/table/worker/datafile golang.org/x/sys/unix",
	"services/table/worker/clib":      "github.com/ebitengine/purego",
	"services/table/worker/datafile":  "golang.org/x/sys/unix",
	"services/table/worker/lmdb":      "master/maillog services/table/worker services/table/worker/clib services/table/worker/datafile",
	"cmd/table-berkeley":              "services/table/worker services/table/worker/berkeley",
	"cmd/table-lmdb":                  "services/table/worker services/table/worker/lmdb",
	"services/table/worker/mycnf":     "",
	"services/table/worker/mysql":     "services/table/cf services/table/worker services/table/worker/hosts services/table/worker/mycnf github.com/go-sql-driver/mysql",
	"cmd/table-mysql":                 "services/table/worker services/table/worker/mysql",
	"services/lspawn/worker/inlookup": "services/lspawn/worker/record services/table/worker golang.org/x/sys/unix",
	"services/lspawn/worker/library":  "services/lspawn/worker/record services/table/worker github.com/ebitengine/purego",
	"services/lspawn/worker/mysql":    "services/lspawn/worker/record services/table/cdb services/table/worker github.com/go-sql-driver/mysql",
	"services/lspawn/worker/record":   "",
	"cmd/vuser-inlookup":              "services/lspawn/worker/inlookup services/table/worker",
	"cmd/vuser-library":               "services/lspawn/worker/library services/table/worker",
	"cmd/vuser-mysql":                 "services/lspawn/worker/mysql services/table/worker",
	"master/report":                   "",
	"master/metrics":                  "master/report",
	"master/web":                      "",
	"docs":                            "",
	"internal/manual":                 "",
	"cmd/internal/builtin":            "cfg loop master master/names services/proxymap services/spawn",
	"cmd/postloop":                    "loop cfg cmd/internal/builtin master master/logloop master/maillog master/names master/report services/attr services/proxymap services/table github.com/spf13/cobra golang.org/x/sys/unix",
}

// mayImportInTests adds to mayImport for the _test.go files of a package.
var mayImportInTests = map[string]string{
	"loop":                         "loop/looptest",
	"master":                       "loop/looptest",
	"master/logloop":               "golang.org/x/sys/unix loop/looptest",
	"master/names":                 "loop/looptest",
	"services/skeleton":            "loop/looptest services/skeleton/mastertest",
	"services/lspawn":              "loop/looptest services/lspawn/lspawntest services/table/worker",
	"services/proxymap":            "loop/looptest",
	"services/spawn":               "loop/looptest",
	"services/table":               "loop/looptest services/table/worker internal/dbtest",
	"cfg":                          "cmd/internal/pftest",
	"cmd/proxymap":                 "cmd/internal/pftest internal/dbtest golang.org/x/sys/unix master/proto services/attr services/proxymap/proxytest services/skeleton/mastertest",
	"cmd/spawn":                    "cmd/internal/pftest golang.org/x/sys/unix master/proto services/skeleton/mastertest",
	"cmd/master":                   "cmd/internal/pftest loop/looptest services/proxymap/proxytest",
	"cmd/qmail-lspawn":             "services/lspawn/lspawntest internal/dbtest",
	"services/table/worker/sqlite": "services/table/cf services/table/worker github.com/ncruces/go-sqlite3",
	"cmd/table-sqlite":             "services/table/worker services/table/worker/sqlite",
	"services/lspawn/worker/mysql": "services/lspawn/lspawntest",
	"packaging":                    "internal/dbtest cmd/internal/pftest golang.org/x/sys/unix",
	"cmd/postloop":                 "cmd/internal/pftest internal/manual github.com/spf13/pflag",
	"docs":                         "cfg golang.org/x/sys/unix",
}

// never lists standard packages that would bring a second event loop, a
// second reaper or a second logger into a looped process.
var never = []string{"net", "net/http", "os/exec", "log", "log/slog", "plugin", "os/user"}

// concurrent lists the files in which goroutines, channels and locks are at
// home (DESIGN: single-threaded means no concurrency above loop).
var concurrent = []string{"loop/signal.go", "loop/threads.go", "loop/watchdog.go", "loop/wake.go"}

// offLoop are packages that never run in a looped process.
var offLoop = []string{
	"internal/dbtest",
	"internal/postfix",
	"cmd/internal/pftest",
	"services/proxymap/proxytest",
	"services/skeleton/mastertest",
	"services/lspawn/lspawntest",
}

// isOffLoop adds the workers, which are processes so that they may block.
func isOffLoop(pkg string) bool {
	return slices.Contains(offLoop, pkg) || strings.HasPrefix(pkg+"/", "services/table/worker/") ||
		strings.HasPrefix(pkg+"/", "services/lspawn/worker/")
}

func TestArch(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || path == "bench") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") && filepath.Dir(path) != "." {
			checkFile(t, filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkFile(t *testing.T, path string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return
	}
	pkg := filepath.ToSlash(filepath.Dir(path))
	allowed, listed := mayImport[pkg]
	if !listed && strings.HasPrefix(path, "examples/") {
		return
	}
	if !listed {
		t.Errorf("%s: package %s is not in mayImport", path, pkg)
		return
	}
	test := strings.HasSuffix(path, "_test.go")
	if test {
		allowed += " " + pkg + " " + mayImportInTests[pkg]
	}
	for _, imp := range f.Imports {
		name, _ := strconv.Unquote(imp.Path.Value)
		name = strings.TrimPrefix(name, "postloop/")
		std := !strings.Contains(strings.Split(name, "/")[0], ".") && mayImport[name] == "" && !strings.HasPrefix(imp.Path.Value, `"postloop`)
		switch {
		case std && (test || isOffLoop(pkg)):
		case std && slices.Contains(never, name):
			t.Errorf("%s: imports %s, which has no place in a looped process", path, name)
		case std && (name == "sync" || name == "sync/atomic" || name == "os/signal") && !slices.Contains(concurrent, path):
			t.Errorf("%s: imports %s; concurrency lives in %v only", path, name, concurrent)
		case std:
		case !slices.Contains(strings.Fields(allowed), name):
			t.Errorf("%s: %s may not import %s", path, pkg, name)
		}
	}
	if test || slices.Contains(concurrent, path) || isOffLoop(pkg) {
		return
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			t.Errorf("%s: goroutine or channel; concurrency lives in %v only", fset.Position(n.Pos()), concurrent)
		}
		return true
	})
}
