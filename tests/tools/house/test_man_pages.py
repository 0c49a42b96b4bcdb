"""Man pages say what the tools do: mandoc finds nothing, and options in page and --help are the same."""
import glob
import os
import re
import shutil
import subprocess
import unittest

from camring_test import BUILD, SOURCE, main

TOOLS = sorted(os.path.basename(path) for path in glob.glob(os.path.join(BUILD, "bin", "*")))


def help_options(tool):
    text = subprocess.run([os.path.join(BUILD, "bin", tool), "--help"], capture_output=True, text=True).stdout
    options = set()
    for line in text.splitlines():
        match = re.match(r"\s+((?:-\w,\s*)?--[\w-]+(?:,\s*-{1,2}[\w-]+)*|-\w)\b", line)
        if match:
            options.update(re.findall(r"--[\w-]+|-\w\b", match.group(1)))
    return options


def page_options(tool):
    """Options as they are set in the page: .It Fl h , Fl Fl help ..."""
    options = set()
    with open(os.path.join(SOURCE, "man", tool + ".1")) as page:
        for line in page:
            if line.startswith(".It Fl"):
                words = line.split()[1:]
                text = " ".join(words)
                for dash, name in re.findall(r"Fl (Fl )?(\\?-?[\w-]+)", text):
                    name = name.replace("\\", "")
                    if name.startswith("-"):
                        options.add("-" + name)
                    else:
                        options.add(("--" if dash else "-") + name)
    return options


class ManPages(unittest.TestCase):
    def test_every_tool_has_a_page(self):
        self.assertTrue(TOOLS)
        for tool in TOOLS:
            with self.subTest(tool=tool):
                self.assertTrue(os.path.exists(os.path.join(SOURCE, "man", tool + ".1")))

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_finds_nothing(self):
        for page in sorted(glob.glob(os.path.join(SOURCE, "man", "*.[157]"))):
            with self.subTest(page=os.path.basename(page)):
                result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
                self.assertEqual(result.stdout + result.stderr, "")

    def test_options_in_page_and_help_are_the_same(self):
        for tool in TOOLS:
            with self.subTest(tool=tool):
                self.assertEqual(page_options(tool), help_options(tool))

    def test_every_page_lists_exit_codes_and_examples(self):
        for tool in TOOLS:
            with open(os.path.join(SOURCE, "man", tool + ".1")) as page:
                text = page.read()
            for section in ("EXIT STATUS", "EXAMPLES", "SEE ALSO"):
                with self.subTest(tool=tool, section=section):
                    self.assertIn(".Sh " + section, text)


if __name__ == "__main__":
    main()
