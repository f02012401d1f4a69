//! Department: a node of the tree that decides what a head sees.

use crate::{
    access::RecordType,
    id::{DepartmentId, UserId},
    invalid::{FieldCode, FieldErrors},
    record::{Made, Making, Reference},
};

record! {
    /// A department.
    pub struct Department (RecordType::Department) {
        /// Its name.
        pub name: String,
        /// The department above it.
        pub parent_id: Option<DepartmentId>,
        /// Who heads it.
        pub head_id: Option<UserId>,
    }
}

input! {
    /// A department to create.
    pub struct NewDepartment, DepartmentPatch clears DepartmentField {
        /// Its name.
        name (required = true): String, max 200;
        /// The department above it.
        parent_id: DepartmentId;
        /// Who heads it.
        head_id: UserId;
    }
}

list_params! {
    /// Filters of departments.
    pub struct ListDepartments sort crate::catalogue::CatalogueSort {
        /// Words the name contains.
        q: String,
    }
}

impl Made for Department {
    type Input = NewDepartment;
    fn input(&self) -> NewDepartment {
        NewDepartment { name: Some(self.name.clone()), parent_id: self.parent_id, head_id: self.head_id }
    }
    fn make(input: &NewDepartment, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        if previous.is_some_and(|old| input.parent_id == Some(old.id)) {
            errors.add("/parent_id", FieldCode::Cycle);
        }
        errors.finish()?;
        let department = fresh!(Department, making.birth, { name: name, parent_id: input.parent_id, head_id: input.head_id });
        Ok(match previous {
            None => department,
            Some(old) => department.in_the_envelope_of(old),
        })
    }
    fn references(&self) -> Vec<Reference> {
        [
            Reference::optional("/parent_id", RecordType::Department, self.parent_id),
            Reference::optional("/head_id", RecordType::User, self.head_id),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The departments of a subtree, its root included; `tree` holds (department, its parent).
pub fn subtree(root: DepartmentId, tree: &[(DepartmentId, Option<DepartmentId>)]) -> Vec<DepartmentId> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(at) = found.get(next).copied() {
        for (child, _) in tree.iter().filter(|(_, parent)| *parent == Some(at)) {
            if !found.contains(child) {
                found.push(*child);
            }
        }
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_subtree_ends_even_when_the_tree_bites_its_tail() {
        let id = |n| DepartmentId::new(Uuid::from_u128(n));
        let tree = [(id(1), Some(id(3))), (id(2), Some(id(1))), (id(3), Some(id(2))), (id(4), None)];
        assert_eq!(subtree(id(1), &tree), [id(1), id(2), id(3)]);
    }
}
