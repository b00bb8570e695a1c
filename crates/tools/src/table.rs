//! Tables whose columns are as wide as what they hold, with a tab behind each. Pure.

/// The table, without the end of its last line.
pub(crate) fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.fold(titles[column].chars().count(), usize::max)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}\t"));
        cells.collect::<String>()
    };
    let mut lines = vec![line(titles)];
    lines.extend(rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str()))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        let rows = [["a".to_owned(), "1234567890".to_owned()], ["bb".to_owned(), String::new()]];
        assert_eq!(
            table(["Topic", "Partition"], &rows),
            "Topic\tPartition \t\na    \t1234567890\t\nbb   \t          \t"
        );
    }
}
