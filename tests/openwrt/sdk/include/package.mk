PKG_BUILD_DIR:=$(SDK_WORK)/source
PKG_INSTALL_DIR:=$(SDK_WORK)/install
# BuildPackage NAME: its fields, one a line; `make build` runs the recipes that fill PKG_INSTALL_DIR and the package.
define BuildPackage
  $(eval $(call Package/$(1)))
  $(info PACKAGE $(1))
  $(info VERSION $(PKG_VERSION))
  $(info HASH $(PKG_HASH))
  $(info SOURCE $(PKG_SOURCE))
  $(info ARCH $(PKGARCH))
  $(info USERID $(USERID))
  $(info DEPENDS $(DEPENDS))
  $(info CONFFILES $(call Package/$(1)/conffiles))
  $(info BUILDS $(if $(filter 0,$(PYTHON3_PKG_BUILD)),nothing,with a backend))
  $(foreach script,postinst prerm postrm,$(if $(value Package/$(1)/$(script)),$(file >$(SDK_WORK)/$(1).$(script),$(subst $$$$,$$,$(value Package/$(1)/$(script))))))
  $(eval $(call SdkBuild,$(1)))
endef
define SdkBuild
build-$(1):
	$(Build/Prepare)
	$(Build/Compile)
	$(call Py3Package/$(1)/install,$(SDK_WORK)/package)
endef
