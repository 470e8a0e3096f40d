/** One field for a spreadsheet. A leading = + - @ would be run as a formula there, so it is kept as text. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Offers rows as a UTF-8 CSV file with a byte-order mark, which is what spreadsheets need for Chinese. */
export function saveCsv(name: string, rows: string[][]): void {
  const text = "\ufeff" + rows.map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = `${name}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}
