/** The code behind the mark `<!-- name -->` in docs/manual-recovery.md; what the project's tests run stands behind such marks. */
export function codeBehind(markdown: string, name: string): string | undefined {
	const mark = markdown.indexOf(`<!-- ${name} -->`);
	if (mark < 0) return undefined;
	const found = /^```\w*\n([\s\S]*?)^```$/m.exec(markdown.slice(mark));
	return found?.[1]?.trimEnd();
}

interface Recovery {
	/** Which tape is it? */
	label: string;
	/** What is on it? */
	list: string;
	/** An encrypted set: its files, then the comparison with their hashes. */
	open: string;
	/** The program that the others call. */
	program: string;
}

/** The commands of a key sheet; nothing if the document does not have them all. */
export function recoveryOf(markdown: string): Recovery | undefined {
	const [label, list, open, program] = ['run: label', 'run: whole tape', 'run: encrypted', 'recover.py'].map((name) => codeBehind(markdown, name));
	return label && list && open && program ? { label, list, open, program } : undefined;
}
