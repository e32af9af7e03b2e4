package templates

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

const (
	folder = "junos/"
	suffix = ".tmpl"
	// overlayRoot is where a user's templates stand in an inventory tree; errors name their files by it.
	overlayRoot = "templates/"
)

// sources gives the template files of a file system, by path.
func sources(fsys fs.FS) ([]string, error) {
	files, err := fs.Glob(fsys, folder+"*"+suffix)
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

// checkOverlay refuses files that would never be read: somebody would believe that their template is in use. Hidden
// files and documentation (*.md) may stand anywhere.
func checkOverlay(overlay fs.FS) error {
	err := fs.WalkDir(overlay, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || strings.HasSuffix(name, ".md"):
			return nil
		case path.Dir(name)+"/" != folder || !strings.HasSuffix(name, suffix):
			return fmt.Errorf("%s is not read: a template is %sNAME%s", overlayRoot+name, overlayRoot+folder, suffix)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	return nil
}
