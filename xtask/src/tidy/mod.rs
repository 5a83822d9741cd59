//! What a machine can see of our rules. Each check reads files and gives findings; a finding names the place and
//! says what to do. The same checks run as a test, so whoever never calls `cargo xtask tidy` still hears them.

mod arrows;
mod docs;
mod licences;
mod sources;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::tools;

/// Where, and what to do.
type Findings = Vec<String>;

/// Prints what is untidy, and fails when something is.
pub fn run() -> Result<()> {
    let findings = check()?;
    for finding in &findings {
        eprintln!("untidy: {finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings; each says what to do", findings.len());
    }
    println!("tidy: arrows, licences, sources and docs are as they should be");
    Ok(())
}

/// All findings of all checks.
fn check() -> Result<Findings> {
    let files = text_files(tools::root())?;
    let metadata = metadata()?;
    let mut findings = arrows::check(&metadata);
    findings.extend(licences::check(&metadata));
    findings.extend(sources::check(&files));
    findings.extend(docs::check(tools::root(), &files, &metadata)?);
    Ok(findings)
}

/// A text file of the project.
struct TextFile {
    /// From the workspace's folder, with `/`.
    path: String,
    text: String,
}

impl TextFile {
    fn is(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }
}

/// Every text file but build output and what git keeps for itself, by path.
fn text_files(root: &Path) -> Result<Vec<TextFile>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_symlink() || [".git", "target", "__pycache__"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                files.push(TextFile { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// What cargo knows of all packages: ours and those we depend on.
fn metadata() -> Result<Value> {
    let output =
        tools::cargo(["metadata", "--format-version", "1", "--locked"]).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("cargo metadata failed: mend Cargo.toml or Cargo.lock as it says above");
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The packages of the workspace itself: name, folder from the root, and all that cargo knows.
fn members(metadata: &Value) -> impl Iterator<Item = (&str, String, &Value)> {
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages.iter().filter(|package| package["source"].is_null()).map(move |package| {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let folder = manifest.strip_prefix(root).unwrap_or(manifest).trim_matches('/');
        let folder = folder.strip_suffix("/Cargo.toml").unwrap_or(folder).to_string();
        (package["name"].as_str().unwrap_or_default(), folder, package)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_project_is_tidy() {
        let findings = super::check().unwrap();
        assert!(findings.is_empty(), "untidy:\n{}", findings.join("\n"));
    }
}
