package optest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/nn"
)

// Every operation of packages nn and engine has a case in the table, which every device runs, and in nn a derivative or a reason why it
// has none.
func TestEveryOperationIsComplete(t *testing.T) {
	cases := map[string]nn.Op{}
	for _, c := range Cases() {
		cases[reflect.TypeOf(c.Op).String()] = c.Op
	}
	for name, folder := range map[string]string{"nn": "../../nn", "engine": ".."} {
		operations := operationsIn(t, folder)
		require.NotEmpty(t, operations, folder)
		for _, operation := range operations {
			op := cases[name+"."+operation]
			if !assert.NotNil(t, op, "%s.%s has no case in the table", name, operation) || name == "engine" {
				continue
			}
			assert.NotEmpty(t, derivative(op), "%s.%s has neither a derivative nor a reason why not", name, operation)
		}
	}
}

// derivative says what becomes of an operation in a derivative; empty where it does not say.
func derivative(op nn.Op) string {
	switch op := op.(type) {
	case nn.Differentiable:
		return "it has one"
	case nn.Detached:
		return op.ZeroDerivative()
	case interface{ NoDerivative() string }:
		return op.NoDerivative()
	}
	return ""
}

// operationsIn are the types of a package that have a method OutShape.
func operationsIn(t *testing.T, folder string) (names []string) {
	files, err := parser.ParseDir(token.NewFileSet(), folder, nil, 0)
	require.NoError(t, err)
	for _, p := range files {
		for path, file := range p.Files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "OutShape" {
					names = append(names, fmt.Sprint(f.Recv.List[0].Type))
				}
			}
		}
	}
	return names
}
